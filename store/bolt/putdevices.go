package bolt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/rows"
	"lwbs/store/seal"
)

// A put is a device that is to be stored.
type put struct {
	base, next store.Device // as it was given, and as it is stored
	row        []byte       // of next
	entries    []indexEntry // of next
	err        error        // why it is not stored
}

// encode makes what of a put is stored. The writer has no time for that.
func (p *put) encode(keyring *seal.Keyring) {
	if p.err = p.base.Validate(); p.err != nil {
		return
	}
	p.next = p.base.Clone()
	p.next.Revision++
	p.next.Updated = time.Now().UTC().Round(0)
	if p.base.Disabled { // it is told anew when it is enabled again
		p.next.HandedOver = nil
	}
	if p.base.Revision == 0 {
		p.next.Created = p.next.Updated
	}
	p.row, p.err = rows.EncodeDevice(keyring, p.next)
	p.entries = indexEntries(p.next)
}

// encoded makes puts of devices.
func (db *DB) encoded(ds []store.Device) []put {
	puts := make([]put, len(ds))
	encode := func() {
		for i := range puts {
			puts[i].base = ds[i]
			puts[i].encode(db.keyring)
		}
	}
	if len(ds) > 1 {
		encode()
	} else { // for one of many sessions, whose stacks are to stay small
		db.deep.Do(encode)
	}
	return puts
}

// PutDevices implements [store.Store].
func (db *DB) PutDevices(ctx context.Context, ds []store.Device) ([]store.PutResult, error) {
	puts := db.encoded(ds)
	if slices.ContainsFunc(puts, func(p put) bool { return p.err == nil }) {
		var after []put // which the edit makes anew each time that it is applied
		err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
			after = slices.Clone(puts)
			return nil, db.putAll(tx, after)
		})
		if err != nil {
			return nil, err
		}
		puts = after
	}
	return resultsOf(puts), nil
}

func resultsOf(puts []put) []store.PutResult {
	results := make([]store.PutResult, len(puts))
	for i := range puts {
		if p := &puts[i]; p.err != nil {
			results[i].Err = fmt.Errorf("put device %q: %w", p.base.Endpoint, p.err)
		} else {
			results[i].Device = p.next
		}
	}
	return results
}

// EndSession implements [store.Store].
func (db *DB) EndSession(ctx context.Context, s store.Session, d store.Device) (store.Device, error) {
	fail := func(err error) (store.Device, error) {
		return store.Device{}, fmt.Errorf("end session %q of device %q: %w", s.ID, d.Endpoint, err)
	}
	row, err := encodeSession(s)
	if err != nil {
		return fail(err)
	}
	encoded := db.encoded([]store.Device{d})
	if err := encoded[0].err; err != nil {
		return fail(err)
	}
	var puts []put // which the edit makes anew each time that it is applied
	err = db.editPatiently(ctx, func(tx *transaction) (refused, failed error) {
		puts = slices.Clone(encoded)
		if err := db.putAll(tx, puts); err != nil || puts[0].err != nil {
			return puts[0].err, err
		}
		refused, failed = db.appendSession(tx, s, row)
		return nil, errors.Join(refused, failed) // the device is written: only a failure takes that back
	})
	if err != nil {
		return fail(err)
	}
	return puts[0].next, nil
}

// putAll stores those of puts that may be, and notes of the others why not. It decides on all of them
// before it changes anything. The error is one that fails the whole.
func (db *DB) putAll(tx *transaction, puts []put) error {
	x := putting{db: db, tx: tx}
	several := len(puts) > 1 // else no other put depends on what this one changes
	if several {
		x.stored, x.owners, x.profiles = make(map[lwm2m.EndpointName]int), make(map[string]lwm2m.EndpointName), make(map[string]bool)
	}
	var changes []change
	added := 0
	for i := range puts {
		p := &puts[i]
		if p.err != nil {
			continue
		}
		var old store.Device
		isNew := false
		if old, p.err = x.replaceable(puts, p.base); p.err != nil {
			p.err = tx.Explain(p.err)
			continue
		}
		if old.Revision == 0 {
			isNew = true
		} else if !old.Created.Equal(p.next.Created) { // the caller has made it up
			p.next.Created = old.Created
			if p.row, p.err = rows.EncodeDevice(db.keyring, p.next); p.err != nil {
				continue
			}
		}
		if p.err = x.outgoing.edited(tx, old, p.next); p.err != nil {
			continue
		}
		before := indexEntries(old)
		if several {
			x.note(before, p.entries)
			x.stored[p.base.Endpoint] = i
		}
		if isNew {
			added++
		}
		changes = append(changes, change{bucket: string(bucketDevice), key: string(p.base.Endpoint), value: p.row})
		changes = reindexed(changes, before, p.entries)
	}
	var err error
	if added > 0 {
		err = addCount(tx, keyDevices, added)
	}
	return errors.Join(err, apply(tx, changes), x.outgoing.append(tx))
}

// A putting decides which devices may be stored. It knows what the transaction is going to change. Its
// maps are nil where there is one device.
type putting struct {
	db       *DB
	tx       *transaction
	stored   map[lwm2m.EndpointName]int    // which of the puts
	owners   map[string]lwm2m.EndpointName // of identities that change, by the key in the index; empty for none
	profiles map[string]bool               // which are there
	outgoing outgoing
}

// note notes the identities that a device gives up and has then.
func (x *putting) note(before, after []indexEntry) {
	for _, e := range before {
		if e.bucket == string(bucketIdentity) {
			x.owners[e.key] = ""
		}
	}
	for _, e := range after {
		if e.bucket == string(bucketIdentity) {
			x.owners[e.key] = lwm2m.EndpointName(e.value)
		}
	}
}

// replaceable returns the record that d may replace, which must not be changed, the zero Device where
// there is none, or why it may not.
func (x *putting) replaceable(puts []put, d store.Device) (old store.Device, err error) {
	if i, twice := x.stored[d.Endpoint]; twice {
		old = puts[i].next
	} else if b := x.tx.Bucket(bucketDevice).Get([]byte(d.Endpoint)); b != nil {
		if known := fresh(x.tx, x.db.caches.devices, string(bucketDevice), string(d.Endpoint)); known != nil {
			old = *known
		} else {
			old, err = rows.DecodeDevice(x.db.keyring, b)
		}
		if err != nil {
			return old, unreadable(bucketDevice, string(d.Endpoint), err)
		}
	}
	if err := checkRevision(d.Revision, old.Revision); err != nil {
		return old, err
	}
	if !x.hasProfile(d.Profile) {
		return old, fmt.Errorf("profile %q: %w", d.Profile, store.ErrNotFound)
	}
	if d.Group != "" && x.tx.Bucket(bucketGroup).Get([]byte(d.Group)) == nil {
		return old, fmt.Errorf("group %q: %w", d.Group, store.ErrNotFound)
	}
	for _, c := range d.Credentials {
		key := pair(string(c.Kind), c.Identity)
		owner, changed := x.owners[string(key)]
		if !changed {
			owner = lwm2m.EndpointName(x.tx.Bucket(bucketIdentity).Get(key))
		}
		if owner != "" && owner != d.Endpoint {
			return old, fmt.Errorf("%s identity %q: %w, by device %q", c.Kind, c.Identity, store.ErrIdentityTaken, owner)
		}
	}
	return old, nil
}

func (x *putting) hasProfile(name string) bool {
	if x.profiles[name] {
		return true
	}
	found := x.tx.Bucket(bucketProfile).Get([]byte(name)) != nil
	if x.profiles != nil {
		x.profiles[name] = found
	}
	return found
}

// A change is an element of a bucket that is to be set, or removed.
type change struct {
	bucket, key string
	value       []byte
	remove      bool
}

// apply makes changes in the order of the buckets and keys, so that each page is found once. Of
// several to one key the last remains.
func apply(tx *transaction, changes []change) error {
	slices.SortStableFunc(changes, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.key, b.key))
	})
	var errs []error
	for len(changes) > 0 {
		n := 1
		for n < len(changes) && changes[n].bucket == changes[0].bucket {
			n++
		}
		errs = append(errs, applyTo(tx, tx.Bucket([]byte(changes[0].bucket)), changes[:n]))
		changes = changes[n:]
	}
	return errors.Join(errs...)
}

// applyTo makes changes in one bucket. Where so much is put beside each other that it makes pages of its own, as an import of
// devices in their order does, these are filled: bbolt divides pages in halves else, which no device between them ever fills.
func applyTo(tx *transaction, in *bucket, changes []change) error {
	var errs []error
	before, size := tx.Moves(), 0
	for _, c := range changes {
		var err error
		if c.remove {
			err = in.Delete([]byte(c.key))
		} else {
			err = in.Put([]byte(c.key), c.value)
			size += len(c.key) + len(c.value)
		}
		if err != nil {
			errs = append(errs, err)
		}
		if c.bucket == string(bucketDeviceGroup) {
			tx.grow(c.key, map[bool]int{true: -1, false: 1}[c.remove])
		}
	}
	if leaves := tx.Moves() - before; size > tx.PageSize() && size >= leaves*tx.PageSize()/4 {
		in.FillPercent = dbfile.CopyFill
	}
	return errors.Join(errs...)
}
