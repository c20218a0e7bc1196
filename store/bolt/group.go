package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"lwbs/store"
	"lwbs/store/rows"
)

// PutGroup implements [store.Store].
func (db *DB) PutGroup(ctx context.Context, g store.Group) (store.Group, error) {
	if err := g.Validate(); err != nil {
		return store.Group{}, fmt.Errorf("put group %q: %w", g.Name, err)
	}
	next := g.Clone()
	next.Revision++
	next.Updated = time.Now().UTC().Round(0)
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.replaceableGroup(tx, g)
		if err != nil {
			return err, nil
		}
		next.Created = old.Created
		if old.Revision == 0 {
			next.Created = next.Updated
			failed = addCount(tx, keyGroups, 1)
		}
		row, err := rows.EncodeGroup(db.keyring, next)
		if err != nil {
			return err, nil
		}
		return nil, errors.Join(failed, tx.Bucket(bucketGroup).Put([]byte(g.Name), row))
	})
	if err != nil {
		return store.Group{}, fmt.Errorf("put group %q: %w", g.Name, err)
	}
	db.file.Unread().Settled(bucketGroup, g.Name)
	return next, nil
}

// replaceableGroup returns the record that g may replace, the zero Group where there is none, or why
// it may not.
func (db *DB) replaceableGroup(tx *transaction, g store.Group) (old store.Group, err error) {
	old, err = db.group(tx, g.Name)
	if errors.Is(err, store.ErrNotFound) || g.Revision == 0 && errors.Is(err, store.ErrCorrupt) { // a damaged one is replaced
		err = nil
	}
	if err == nil {
		err = checkRevision(g.Revision, old.Revision)
	}
	switch {
	case err != nil:
		return old, err
	case tx.Bucket(bucketProfile).Get([]byte(g.Profile)) == nil:
		return old, fmt.Errorf("profile %q: %w", g.Profile, store.ErrNotFound)
	case old.Revision == 0 && count(tx, keyGroups) >= store.MaxGroups:
		return old, fmt.Errorf("%w: there are %d groups, which is the most", store.ErrInvalid, store.MaxGroups)
	}
	return old, nil
}

// group reads the row of one group.
func (db *DB) group(tx *transaction, name string) (store.Group, error) {
	row := tx.Bucket(bucketGroup).Get([]byte(name))
	if row == nil {
		return store.Group{}, store.ErrNotFound
	}
	g, err := rows.DecodeGroup(db.keyring, row)
	if err != nil {
		return store.Group{}, unreadable(bucketGroup, name, err)
	}
	return g, nil
}

// Group implements [store.Store].
func (db *DB) Group(ctx context.Context, name string) (g store.Group, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		g, err = db.group(tx, name)
		return err
	})
	if err != nil {
		return store.Group{}, fmt.Errorf("group %q: %w", name, err)
	}
	return g, nil
}

// Groups implements [store.Store].
func (db *DB) Groups(ctx context.Context) (store.Groups, error) {
	if all, ok := db.caches.groups.Get(allGroups); ok && db.file.Usable(ctx) == nil {
		return all, nil
	}
	var all store.Groups
	err := db.view(ctx, func(tx *transaction) error {
		all = store.Groups{Version: uint64(tx.ID())}
		var failed error
		tx.Bucket(bucketGroup).Ascend(nil, func(k, _ []byte) bool {
			g, err := db.group(tx, string(k))
			switch {
			case db.skips(err):
			case err != nil:
				failed = fmt.Errorf("group %q: %w", k, err)
				return false
			default:
				all.All = append(all.All, g)
			}
			return true
		})
		if failed == nil {
			db.caches.groups.Add(allGroups, all, tx.ID())
		}
		return failed
	})
	if err != nil {
		return store.Groups{}, fmt.Errorf("groups: %w", err)
	}
	return all, nil
}

// DeleteGroup implements [store.Store].
func (db *DB) DeleteGroup(ctx context.Context, name string, rev store.Revision) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		old, err := db.group(tx, name)
		if err == nil && rev != 0 {
			err = checkRevision(rev, old.Revision)
		}
		if err != nil && !(rev == 0 && errors.Is(err, store.ErrCorrupt)) {
			return err, nil
		}
		if n := db.groupSize(tx, name); n > 0 {
			return fmt.Errorf("%w, by %s", store.ErrInUse, devicesText(n)), nil
		}
		return nil, errors.Join(addCount(tx, keyGroups, -1), tx.Bucket(bucketGroup).Delete([]byte(name)))
	})
	if err != nil {
		return fmt.Errorf("delete group %q: %w", name, err)
	}
	db.file.Unread().Settled(bucketGroup, name)
	return nil
}

func devicesText(devices int) string {
	if devices == 1 {
		return "1 device"
	}
	return fmt.Sprintf("%d devices", devices)
}

// EnrolDevice implements [store.Store].
func (db *DB) EnrolDevice(ctx context.Context, d store.Device, rev store.Revision) (store.Device, error) {
	if d.Group == "" || d.Revision != 0 {
		return store.Device{}, fmt.Errorf("enrol device %q: %w: it needs a group and no revision", d.Endpoint, store.ErrInvalid)
	}
	p := newPut(d, db.encode)
	if p.err != nil {
		return store.Device{}, fmt.Errorf("enrol device %q: %w", d.Endpoint, p.err)
	}
	var puts []put // which the edit makes anew each time that it is applied
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		if err := db.mayEnrol(tx, d.Group, rev); err != nil {
			return err, nil
		}
		puts = []put{p}
		failed = db.putAll(tx, puts)
		return puts[0].err, failed
	})
	if err != nil {
		return store.Device{}, fmt.Errorf("enrol device %q: %w", d.Endpoint, err)
	}
	return puts[0].next, nil
}

// mayEnrol returns why the group, of which the caller knows this revision, takes no device.
func (db *DB) mayEnrol(tx *transaction, group string, rev store.Revision) error {
	g, err := db.group(tx, group)
	switch {
	case err != nil:
		return fmt.Errorf("group %q: %w", group, err)
	case g.Revision != rev:
		return fmt.Errorf("group %q: revision is %d, not %d: %w", group, g.Revision, rev, store.ErrConflict)
	case g.MaxDevices > 0 && db.groupSize(tx, group) >= g.MaxDevices:
		return fmt.Errorf("group %q has %d devices: %w", group, g.MaxDevices, store.ErrGroupFull)
	}
	return nil
}

// GroupSize implements [store.Store].
func (db *DB) GroupSize(ctx context.Context, name string) (n int, err error) {
	if n, ok := db.sizes.Known(name); ok && db.file.Usable(ctx) == nil {
		return n, nil
	}
	before := db.sizes.Before()
	err = db.view(ctx, func(tx *transaction) error {
		n = countGroup(tx, name)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("size of group %q: %w", name, err)
	}
	db.sizes.Counted(name, n, before)
	return n, nil
}

// groupSize is the size of a group as the writer's transaction has it.
func (db *DB) groupSize(tx *transaction, name string) int {
	n, ok := db.sizes.Known(name)
	if !ok {
		n = countGroup(tx, name)
		db.sizes.Counted(name, n, db.sizes.Before()) // only the writer changes them
	}
	return n + tx.grown[name]
}

// countGroup counts the devices of a group, as they were when the transaction began.
func countGroup(tx *transaction, name string) (n int) {
	tree, err := tx.Tree(string(bucketDeviceGroup))
	if err != nil {
		tx.db.file.Unread().Note(err)
		return 0
	}
	prefix := pair(name, "")
	tree.Ascend(prefix, func(k, _ []byte) bool {
		within := bytes.HasPrefix(k, prefix)
		if within {
			n++
		}
		return within
	}, tx.Bucket(bucketDeviceGroup).Lost)
	return n
}

// grow notes that an entry of the index of groups was added or removed.
func (t *transaction) grow(key string, by int) {
	group, _, _ := bytes.Cut([]byte(key), []byte{0})
	if t.grown == nil {
		t.grown = make(map[string]int)
	}
	t.grown[string(group)] += by
}
