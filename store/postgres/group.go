package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

var groups = named[store.Group]{
	kind: "group", unreadable: store.KindGroup, table: "enrolment_group", most: store.MaxGroups, version: "groups",
	head:     func(g *store.Group) head { return head{g.Name, &g.Revision, &g.Created, &g.Updated} },
	validate: store.Group.Validate, clone: store.Group.Clone, encode: rows.EncodeGroup, decode: rows.DecodeGroup,
	columns: []column[store.Group]{{"profile", func(g store.Group) any { return g.Profile }}, {"max_devices", func(g store.Group) any { return g.MaxDevices }}},
	needs:   profileExists, inUse: groupInUse,
}

// profileExists returns why g cannot be kept, for its profile, which is locked, so that it stays.
func profileExists(ctx context.Context, tx *transaction, g store.Group) error {
	found := 0
	if err := tx.Read(ctx, one("select 1 from profile where name = $1 for key share", []any{text(g.Profile)}, &found)); err != nil || found != 0 {
		return err
	}
	return fmt.Errorf("profile %q: %w", g.Profile, store.ErrNotFound)
}

// PutGroup implements [store.Store].
func (db *DB) PutGroup(ctx context.Context, g store.Group) (store.Group, error) {
	return groups.put(ctx, db, g)
}

// Group implements [store.Store].
func (db *DB) Group(ctx context.Context, name string) (store.Group, error) {
	return groups.get(ctx, db, name)
}

// Groups implements [store.Store]. They are read where the database tells that one was edited.
func (db *DB) Groups(ctx context.Context) (store.Groups, error) {
	var all store.Groups
	err := db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		var v version
		known, have := db.groups.get("")
		if err := q.QueryRow(ctx, "select v::bigint from meta where k = 'groups'").Scan(&v.rev); err != nil {
			return err
		}
		if all = known; v == have {
			return nil
		}
		return db.link.Snapshot(ctx, func(ctx context.Context, q cluster.Reader) (err error) { // which may be of a later version
			if err = q.QueryRow(ctx, "select v::bigint from meta where k = 'groups'").Scan(&v.rev); err != nil {
				return err
			}
			all = store.Groups{Version: uint64(v.rev)}
			if all.All, err = groups.all(ctx, db, q); err == nil {
				db.groups.put("", v, all)
			}
			return err
		})
	})
	if err != nil {
		return store.Groups{}, fmt.Errorf("groups: %w", err)
	}
	return all, nil
}

// GroupSize implements [store.Store].
func (db *DB) GroupSize(ctx context.Context, name string) (n int, err error) {
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		n, err = tally(ctx, q, tallyOfGroup(text(name)))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("size of group %q: %w", name, err)
	}
	return n, nil
}

// DeleteGroup implements [store.Store].
func (db *DB) DeleteGroup(ctx context.Context, name string, rev store.Revision) error {
	return groups.delete(ctx, db, name, rev)
}

// groupInUse returns why a group cannot be deleted, for its devices.
func groupInUse(ctx context.Context, tx *transaction, name string) error {
	n := 0
	err := tx.Read(ctx, one("select count(*) from device where enrolment_group = $1", []any{name}, &n))
	switch {
	case err != nil:
		return err
	case n == 1:
		return fmt.Errorf("%w, by 1 device", store.ErrInUse)
	case n > 1:
		return fmt.Errorf("%w, by %d devices", store.ErrInUse, n)
	}
	tx.Write("delete from tally where name = $1", tallyOfGroup(name))
	return nil
}

// EnrolDevice implements [store.Store].
func (db *DB) EnrolDevice(ctx context.Context, d store.Device, rev store.Revision) (store.Device, error) {
	fail := func(err error) (store.Device, error) {
		return store.Device{}, fmt.Errorf("enrol device %q: %w", d.Endpoint, err)
	}
	if d.Group == "" || d.Revision != 0 {
		return fail(fmt.Errorf("%w: it needs a group and no revision", store.ErrInvalid))
	}
	encoded := db.encoded(d)
	if err := encoded[0].err; err != nil {
		return fail(err)
	}
	var puts []put // which the edit makes anew each time
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		if err := tx.mayEnrol(ctx, d.Group, rev); err != nil {
			return err
		}
		puts = append([]put(nil), encoded...)
		var o outgoing
		if err := tx.putAll(ctx, puts, &o); err != nil || puts[0].err != nil {
			return errors.Join(err, puts[0].err)
		}
		return o.append(tx)
	})
	if err != nil {
		return fail(err)
	}
	return puts[0].next, nil
}

// mayEnrol returns why the group, of which the caller knows this revision, takes no device. It locks the group: one
// that is limited enrols one device after the other.
func (tx *transaction) mayEnrol(ctx context.Context, group string, rev store.Revision) error {
	have, most, size, found := int64(0), 0, 0, false
	read := func(r pgx.Rows) error {
		found = true
		return r.Scan(&have, &most)
	}
	err := tx.Read(ctx,
		cluster.Query{SQL: "select rev, max_devices from enrolment_group where name = $1 and max_devices = 0 for share", Args: []any{group}, Row: read},
		cluster.Query{SQL: "select rev, max_devices from enrolment_group where name = $1 and max_devices > 0 for no key update", Args: []any{group}, Row: read},
		one(sqlTally, []any{tallyOfGroup(group)}, &size))
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("group %q: %w", group, store.ErrNotFound)
	case store.Revision(have) != rev:
		return fmt.Errorf("group %q: revision is %d, not %d: %w", group, have, rev, store.ErrConflict)
	case most > 0 && size >= most:
		return fmt.Errorf("group %q has %d devices: %w", group, size, store.ErrGroupFull)
	}
	return nil
}
