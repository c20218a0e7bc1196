package bolt

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"lwbs/store"
)

// PutGroup implements [store.Store].
func (db *DB) PutGroup(ctx context.Context, g store.Group) (store.Group, error) {
	return groups.put(ctx, db, g)
}

// profileExists returns why g cannot be kept, for its profile.
func profileExists(tx *transaction, g store.Group) error {
	if tx.Bucket(bucketProfile).Get([]byte(g.Profile)) == nil {
		return fmt.Errorf("profile %q: %w", g.Profile, store.ErrNotFound)
	}
	return nil
}

// Group implements [store.Store].
func (db *DB) Group(ctx context.Context, name string) (store.Group, error) {
	return groups.get(ctx, db, name)
}

// Groups implements [store.Store].
func (db *DB) Groups(ctx context.Context) (store.Groups, error) {
	if all, ok := db.caches.groups.Get(allGroups); ok && db.file.Usable(ctx) == nil {
		return all, nil
	}
	var all store.Groups
	err := db.view(ctx, func(tx *transaction) (failed error) {
		all = store.Groups{Version: uint64(tx.ID())}
		if all.All, failed = groups.all(db, tx); failed == nil {
			db.caches.groups.Add(allGroups, &all, tx.ID())
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
	return groups.delete(ctx, db, name, rev)
}

// groupInUse returns why a group cannot be deleted, for its devices.
func groupInUse(tx *transaction, name string) error {
	if n := tx.db.groupSize(tx, name); n > 0 {
		return fmt.Errorf("%w, by %s", store.ErrInUse, devicesText(n))
	}
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
	encoded := db.encoded([]store.Device{d})
	if err := encoded[0].err; err != nil {
		return store.Device{}, fmt.Errorf("enrol device %q: %w", d.Endpoint, err)
	}
	var puts []put // which the edit makes anew each time that it is applied
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		if err := db.mayEnrol(tx, d.Group, rev); err != nil {
			return err, nil
		}
		puts = slices.Clone(encoded)
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
	g, err := groups.row(db, tx, group)
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
