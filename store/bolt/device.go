package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/rows"
)

// PutDevice implements [store.Store].
func (db *DB) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	results, err := db.PutDevices(ctx, []store.Device{d})
	if err == nil {
		return results[0].Device, results[0].Err
	}
	return store.Device{}, fmt.Errorf("put device %q: %w", d.Endpoint, err)
}

// checkRevision compares the revision that an edit is based on with the one kept.
func checkRevision(base, kept store.Revision) error {
	switch {
	case base == kept:
		return nil
	case base == 0:
		return store.ErrExists
	case kept == 0:
		return store.ErrNotFound
	}
	return fmt.Errorf("revision is %d, not %d: %w", kept, base, store.ErrConflict)
}

// An indexEntry is one entry of an index.
type indexEntry struct{ bucket, key, value string }

// indexEntries are those of d; none of the zero Device.
func indexEntries(d store.Device) []indexEntry {
	if d.Endpoint == "" {
		return nil
	}
	ep := string(d.Endpoint)
	all := make([]indexEntry, 0, 2+len(d.Credentials)+len(d.Tags))
	all = append(all, indexEntry{string(bucketDeviceProfile), string(pair(d.Profile, ep)), string(present)})
	for _, c := range d.Credentials {
		all = append(all, indexEntry{string(bucketIdentity), string(pair(string(c.Kind), c.Identity)), ep})
	}
	for i, h := range d.HandedOver {
		if !slices.ContainsFunc(d.HandedOver[:i], func(b store.HandedOver) bool { return b.Server == h.Server && b.Identity == h.Identity }) {
			all = append(all, indexEntry{string(bucketDeviceHandedOver), string(pair(string(pair(h.Server, h.Identity)), ep)), string(present)})
		}
	}
	if d.Group != "" {
		all = append(all, indexEntry{string(bucketDeviceGroup), string(pair(d.Group, ep)), string(present)})
	}
	for i, tag := range d.Tags {
		if !slices.Contains(d.Tags[:i], tag) {
			all = append(all, indexEntry{string(bucketDeviceTag), string(pair(tag, ep)), string(present)})
		}
	}
	return all
}

// entriesOf finds the index entries of a device whose record cannot tell them, in the
// whole of the indexes.
func entriesOf(tx *transaction, ep string) (found []indexEntry) {
	for _, bucket := range ofDevices {
		tx.Bucket(bucket).Ascend(nil, func(k, v []byte) bool {
			if string(v) == ep || len(v) == 0 && bytes.HasSuffix(k, append([]byte{0}, ep...)) {
				found = append(found, indexEntry{string(bucket), string(k), string(v)})
			}
			return true
		})
	}
	return found
}

// reindex replaces index entries. It leaves alone what stays, which is almost all: each
// entry that is written takes a page with it.
func reindex(tx *transaction, old, next []indexEntry) error {
	return apply(tx, reindexed(nil, old, next))
}

// reindexed appends the changes that replace index entries.
func reindexed(changes []change, old, next []indexEntry) []change {
	for _, e := range old {
		if !slices.Contains(next, e) {
			changes = append(changes, change{bucket: e.bucket, key: e.key, remove: true})
		}
	}
	for _, e := range next {
		if !slices.Contains(old, e) {
			changes = append(changes, change{bucket: e.bucket, key: e.key, value: []byte(e.value)})
		}
	}
	return changes
}

// Device implements [store.Store].
func (db *DB) Device(ctx context.Context, ep lwm2m.EndpointName) (d store.Device, err error) {
	if d, ok := db.caches.devices.Get(string(ep)); ok && db.file.Usable(ctx) == nil {
		return d, nil
	}
	err = db.view(ctx, func(tx *transaction) error {
		return db.readDevice(tx, ep, &d)
	})
	if err != nil {
		return store.Device{}, fmt.Errorf("device %q: %w", ep, err)
	}
	return d, nil
}

func (db *DB) device(tx *transaction, ep lwm2m.EndpointName) (d store.Device, err error) {
	err = db.readDevice(tx, ep, &d)
	return d, err
}

// readDevice reads a device into d, which is zero. Records are large, and each copy makes the stacks larger of the many
// sessions that read one.
func (db *DB) readDevice(tx *transaction, ep lwm2m.EndpointName, d *store.Device) (err error) {
	b := tx.Bucket(bucketDevice).Get([]byte(ep))
	if b == nil {
		return store.ErrNotFound
	}
	if known := fresh(tx, db.caches.devices, string(bucketDevice), string(ep)); known != nil {
		*d = known.Clone()
		return nil
	}
	db.deep.Do(func() {
		if *d, err = rows.DecodeDevice(db.keyring, b); err != nil {
			*d, err = store.Device{}, unreadable(bucketDevice, string(ep), err)
		} else if !tx.Writable() {
			db.caches.devices.Add(string(ep), d, tx.ID())
		}
	})
	return err
}

// Revisions implements [store.Store].
func (db *DB) Revisions(ctx context.Context, ep lwm2m.EndpointName) (store.Revisions, error) {
	if d := db.caches.devices.Peek(string(ep)); d != nil && d.Group == "" && db.file.Usable(ctx) == nil {
		if p := db.caches.profiles.Peek(d.Profile); p != nil {
			return store.RevisionsOf(*d, *p, store.Group{}), nil
		}
	}
	d, err := db.Device(ctx, ep)
	if err != nil {
		return store.Revisions{}, err
	}
	var g store.Group
	if d.Group != "" {
		all, err := db.Groups(ctx)
		if err != nil {
			return store.Revisions{}, err
		}
		g, _ = all.Named(d.Group)
	}
	p, err := db.Profile(ctx, d.Profile)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.Revisions{}, err
	}
	return store.RevisionsOf(d, p, g), nil
}

// DeviceByIdentity implements [store.Store].
func (db *DB) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (d store.Device, err error) {
	key := pair(string(kind), identity)
	if ep, ok := db.caches.identities.Get(string(key)); ok && db.file.Usable(ctx) == nil {
		if d, ok := db.caches.devices.Get(string(ep)); ok {
			return d, nil
		}
	}
	err = db.view(ctx, func(tx *transaction) error {
		ep := tx.Bucket(bucketIdentity).Get(key)
		if ep == nil {
			return store.ErrNotFound
		}
		if err := db.readDevice(tx, lwm2m.EndpointName(ep), &d); err != nil {
			return err
		}
		if !slices.ContainsFunc(d.Credentials, func(c store.Credential) bool { return c.Kind == kind && c.Identity == identity }) {
			return dbfile.Damaged(string(bucketIdentity), "", errors.New("it leads to a device without the identity"))
		}
		db.caches.identities.Add(string(key), &d.Endpoint, tx.ID())
		return nil
	})
	if err != nil {
		return store.Device{}, fmt.Errorf("device with %s identity %q: %w", kind, identity, err)
	}
	return d, nil
}

// Devices implements [store.Store].
func (db *DB) Devices(ctx context.Context, q store.DeviceQuery) (page []store.Device, err error) {
	limit := pageLimit(q.Limit)
	err = db.view(ctx, func(tx *transaction) error {
		var failed error
		db.candidates(tx, q, func(ep string) bool {
			d, err := db.device(tx, lwm2m.EndpointName(ep))
			switch {
			case db.skips(err):
			case err != nil:
				failed = fmt.Errorf("device %q: %w", ep, err)
				return false
			case matches(d, q):
				page = append(page, d)
			}
			return len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	return page, nil
}

// candidates calls each with the endpoints behind q.After that the best index for q
// has, in their order.
func (db *DB) candidates(tx *transaction, q store.DeviceQuery, each func(ep string) bool) {
	bucket, group := bucketDevice, ""
	switch {
	case q.Tag != "":
		bucket, group = bucketDeviceTag, q.Tag
	case q.Group != "":
		bucket, group = bucketDeviceGroup, q.Group
	case q.Profile != "":
		bucket, group = bucketDeviceProfile, q.Profile
	}
	key := func(ep string) []byte { return pair(group, ep) }
	name := func(k []byte) string { return second(k, group) }
	if group == "" {
		key = func(ep string) []byte { return []byte(ep) }
		name = func(k []byte) string { return string(k) }
	}
	after := key(string(q.After))
	underPrefix(tx.Bucket(bucket), key(q.Prefix), after, func(k []byte) bool {
		if q.After != "" && bytes.Equal(k, after) {
			return true
		}
		return each(name(k))
	})
}

// DeviceSample implements [store.Store]. It reads the index of profiles twice and no record.
func (db *DB) DeviceSample(ctx context.Context, profile string, n int) (total int, names []lwm2m.EndpointName, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		each := func(do func(key []byte)) error {
			underPrefix(tx.Bucket(bucketDeviceProfile), pair(profile, ""), nil, func(k []byte) bool {
				do(k)
				return ctx.Err() == nil
			})
			return ctx.Err()
		}
		if err := each(func([]byte) { total++ }); err != nil || n <= 0 {
			return err
		}
		n := min(n, total)
		at := 0
		return each(func(k []byte) {
			// The i-th of n is the one at i(total-1)/(n-1).
			if i := len(names); i < n && at == i*(total-1)/max(n-1, 1) {
				names = append(names, lwm2m.EndpointName(second(k, profile)))
			}
			at++
		})
	})
	if err != nil {
		return 0, nil, fmt.Errorf("count devices of profile %q: %w", profile, err)
	}
	return total, names, nil
}

func matches(d store.Device, q store.DeviceQuery) bool {
	return (q.Profile == "" || d.Profile == q.Profile) && (q.Tag == "" || slices.Contains(d.Tags, q.Tag)) && (q.Group == "" || d.Group == q.Group)
}

// DeleteDevice implements [store.Store].
func (db *DB) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.device(tx, ep)
		if err == nil && rev != 0 {
			err = checkRevision(rev, old.Revision)
		}
		entries := indexEntries(old)
		if rev == 0 && errors.Is(err, store.ErrCorrupt) { // the way to be rid of a damaged record
			entries, err = entriesOf(tx, string(ep)), nil
		}
		if err != nil {
			return err, nil
		}
		var o outgoing
		if err := o.deleted(tx, old); err != nil {
			return err, nil
		}
		return nil, errors.Join(addCount(tx, keyDevices, -1), reindex(tx, entries, nil), tx.Bucket(bucketDevice).Delete([]byte(ep)),
			tx.Bucket(bucketOutboxTold).Delete(pair(toldSeries, string(ep))), o.append(tx))
	})
	if err != nil {
		return fmt.Errorf("delete device %q: %w", ep, err)
	}
	db.file.Unread().Settled(bucketDevice, string(ep))
	return nil
}

// RenameDevice implements [store.Store].
func (db *DB) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (store.Device, error) {
	fail := func(err error) (store.Device, error) {
		return store.Device{}, fmt.Errorf("rename device %q to %q: %w", ep, to, err)
	}
	if err := to.Validate(); err != nil {
		return fail(fmt.Errorf("%w: %w", store.ErrInvalid, err))
	}
	var kept store.Device
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.renameable(tx, ep, to, rev)
		if err != nil {
			return err, nil
		}
		next := old.Clone()
		next.Endpoint = to
		next.Settings++ // templates have its name
		next.Revision, next.Updated = old.Revision+1, time.Now().UTC().Round(0)
		row, err := rows.EncodeDevice(db.keyring, next)
		if err != nil {
			return err, nil
		}
		kept = next.Clone()
		return nil, errors.Join(
			reindex(tx, indexEntries(old), indexEntries(next)),
			tx.Bucket(bucketDevice).Delete([]byte(ep)),
			tx.Bucket(bucketDevice).Put([]byte(to), row),
			db.moveSessions(tx, ep, to))
	})
	if err != nil {
		return fail(err)
	}
	return kept, nil
}

// renameable returns the record that is to have another name, or why it may not.
func (db *DB) renameable(tx *transaction, ep, to lwm2m.EndpointName, rev store.Revision) (store.Device, error) {
	d, err := db.device(tx, ep)
	if err == nil && rev != 0 {
		err = checkRevision(rev, d.Revision)
	}
	switch {
	case err != nil:
	case tx.Bucket(bucketDevice).Get([]byte(to)) != nil:
		err = fmt.Errorf("device %q: %w", to, store.ErrExists)
	case d.HasUnknown(): // secrets are sealed for the name
		err = fmt.Errorf("%w: it has what this release does not know: rename it with the newer one", store.ErrNewer)
	}
	return d, err
}

// moveSessions makes the history of the device ep that of the device to. What cannot be
// read stays where it is, and so does what came before ep was a device.
func (db *DB) moveSessions(tx *transaction, ep, to lwm2m.EndpointName) error {
	var ids []string
	underPrefix(tx.Bucket(bucketSessionEndpoint), pair(string(ep), ""), nil, func(k []byte) bool {
		ids = append(ids, second(k, string(ep)))
		return true
	})
	for _, id := range ids {
		s, err := sessionIn(tx, id)
		if err != nil || !s.Known {
			continue
		}
		if _, err := dropSession(tx, id); err != nil {
			return err
		}
		s.Endpoint = to
		b, err := rows.EncodeSession(s)
		if err != nil {
			return err
		}
		if err := errors.Join(tx.Bucket(bucketSession).Put([]byte(id), b), indexSession(tx, s), db.prune(tx, s)); err != nil {
			return err
		}
	}
	return nil
}
