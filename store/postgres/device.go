package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

func conflict(base, kept store.Revision) error {
	return fmt.Errorf("revision is %d, not %d: %w", kept, base, store.ErrConflict)
}

// notFound is err, or ErrNotFound where a query gave no row.
func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ErrNotFound
	}
	return err
}

// now is the time that a record is given.
func now() time.Time { return time.Now().UTC().Round(0) }

// nanoseconds are a time as a column has it; zero for the zero time.
func nanoseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// timeOf is the reverse of nanoseconds.
func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// Device implements [store.Store].
func (db *DB) Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	d, err := db.oneDevice(ctx, "select endpoint, row from device where endpoint = $1", text(string(ep)))
	if err != nil {
		return store.Device{}, fmt.Errorf("device %q: %w", ep, err)
	}
	return d, nil
}

// DeviceByIdentity implements [store.Store].
func (db *DB) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error) {
	d, err := db.oneDevice(ctx, "select d.endpoint, d.row from identity i join device d using (endpoint) where i.kind = $1 and i.identity = $2", text(string(kind)), []byte(identity))
	if err == nil && !slices.ContainsFunc(d.Credentials, func(c store.Credential) bool { return c.Kind == kind && c.Identity == identity }) {
		err = &store.UnreadableError{Bucket: "identity", Err: fmt.Errorf("%w: it leads to a device without the identity", store.ErrCorrupt)}
		db.unread.note(err)
	}
	if err != nil {
		return store.Device{}, fmt.Errorf("device with %s identity %q: %w", kind, identity, err)
	}
	return d, nil
}

// oneDevice reads the device that a query gives the name and the row of.
func (db *DB) oneDevice(ctx context.Context, sql string, args ...any) (d store.Device, err error) {
	var ep string
	var row []byte
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, sql, args...).Scan(&ep, &row))
	})
	if err != nil {
		return d, err
	}
	return db.decodeDevice(ep, row)
}

// decodeDevice reads a row, which is of the device ep.
func (db *DB) decodeDevice(ep string, row []byte) (store.Device, error) {
	d, err := rows.DecodeDevice(db.keyring, row)
	if err == nil && string(d.Endpoint) != ep {
		err = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, d.Endpoint)
	}
	if err != nil {
		err = unreadable(store.KindDevice, ep, err)
		db.unread.note(err)
		return store.Device{}, err
	}
	return d, nil
}

// Revisions implements [store.Store].
func (db *DB) Revisions(ctx context.Context, ep lwm2m.EndpointName) (r store.Revisions, err error) {
	var device, profile, group struct{ rev, created int64 }
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) error {
		return notFound(q.QueryRow(ctx, `select d.rev, d.created, d.profile, coalesce(p.rev, 0), coalesce(p.created, 0), coalesce(g.rev, 0), coalesce(g.created, 0)
			from device d left join profile p on p.name = d.profile left join enrolment_group g on g.name = d.enrolment_group where d.endpoint = $1`, text(string(ep))).
			Scan(&device.rev, &device.created, &r.Profile, &profile.rev, &profile.created, &group.rev, &group.created))
	})
	if err != nil {
		return store.Revisions{}, fmt.Errorf("device %q: %w", ep, err)
	}
	r.Device, r.DeviceCreated = store.Revision(device.rev), timeOf(device.created)
	r.ProfileRevision, r.ProfileCreated = store.Revision(profile.rev), timeOf(profile.created)
	r.GroupRevision, r.GroupCreated = store.Revision(group.rev), timeOf(group.created)
	return r, nil
}

// DeleteDevice implements [store.Store].
func (db *DB) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error {
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		old, row, err := tx.lockDevice(ctx, ep)
		if err == nil && rev != 0 {
			err = checkRevision(rev, old.Revision)
		}
		if rev == 0 && row != nil && errors.Is(err, store.ErrCorrupt) { // the way to be rid of a damaged record
			old, err = store.Device{}, nil
		}
		if err != nil {
			return err
		}
		var o outgoing
		if err := o.deleted(ctx, tx, old); err != nil {
			return err
		}
		tx.Write("delete from device where endpoint = $1", string(ep))
		for _, index := range []string{"identity", "device_tag", "device_handed_over", "failure_series"} {
			tx.Write("delete from "+index+" where endpoint = $1", string(ep))
		}
		tx.count(tallyDevices, -1)
		if old.Group != "" {
			tx.count(tallyOfGroup(old.Group), -1)
		}
		return o.append(tx)
	})
	if err != nil {
		return fmt.Errorf("delete device %q: %w", ep, err)
	}
	db.unread.settled(store.KindDevice, string(ep))
	return nil
}

// lockDevice reads a device and locks it; row is nil where there is none.
func (tx *transaction) lockDevice(ctx context.Context, ep lwm2m.EndpointName) (d store.Device, row []byte, err error) {
	err = tx.Read(ctx, cluster.Query{SQL: "select row from device where endpoint = $1 for update", Args: []any{text(string(ep))}, Row: func(r pgx.Rows) error { return r.Scan(&row) }})
	switch {
	case err != nil:
	case row == nil:
		err = store.ErrNotFound
	default:
		d, err = tx.db.decodeDevice(string(ep), row)
	}
	return d, row, err
}

// RenameDevice implements [store.Store].
func (db *DB) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (kept store.Device, err error) {
	if wrong := to.Validate(); wrong != nil {
		err = fmt.Errorf("%w: %w", store.ErrInvalid, wrong)
	} else {
		err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			old, err := tx.renameable(ctx, ep, to, rev)
			if err != nil {
				return err
			}
			next := old.Clone()
			next.Endpoint = to
			next.Settings++ // templates have its name
			next.Revision, next.Updated = old.Revision+1, now()
			row, err := rows.EncodeDevice(db.keyring, next)
			if err != nil {
				return err
			}
			kept = next.Clone()
			tx.Write("update device set endpoint = $2, rev = $3, row = $4 where endpoint = $1", string(ep), string(to), int64(next.Revision), row)
			for _, index := range []string{"identity", "device_tag", "device_handed_over"} {
				tx.Write("update "+index+" set endpoint = $2 where endpoint = $1", string(ep), string(to))
			}
			return tx.moveSessions(ctx, ep, to)
		})
	}
	if err != nil {
		return store.Device{}, fmt.Errorf("rename device %q to %q: %w", ep, to, err)
	}
	return kept, nil
}

// renameable returns the record that is to have another name, or why it may not.
func (tx *transaction) renameable(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (store.Device, error) {
	d, _, err := tx.lockDevice(ctx, ep)
	if err == nil && rev != 0 {
		err = checkRevision(rev, d.Revision)
	}
	taken := false
	if err == nil {
		err = tx.Read(ctx, cluster.Query{SQL: "select 1 from device where endpoint = $1", Args: []any{string(to)}, Row: func(pgx.Rows) error { taken = true; return nil }})
	}
	switch {
	case err != nil:
	case taken:
		err = fmt.Errorf("device %q: %w", to, store.ErrExists)
	case d.HasUnknown(): // secrets are sealed for the name
		err = fmt.Errorf("%w: it has what this release does not know: rename it with the newer one", store.ErrNewer)
	}
	return d, err
}
