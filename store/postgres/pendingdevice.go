package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"lwbs/store"
	"lwbs/store/postgres/cluster"
	"lwbs/store/rows"
)

// PutPendingDevice implements [store.Store].
func (db *DB) PutPendingDevice(ctx context.Context, p store.PendingDevice) error {
	row, err := rows.EncodePendingDevice(p)
	if err == nil {
		err = db.edit(ctx, func(ctx context.Context, tx *transaction) error {
			found := 0
			if err := tx.Read(ctx, one("select 1 from pending_device where id = $1 for update", []any{p.ID}, &found)); err != nil {
				return err
			}
			if found != 0 {
				tx.Write("update pending_device set row = $2 where id = $1", p.ID, row)
				return nil
			}
			tx.Write("insert into pending_device (id, row) values ($1, $2)", p.ID, row)
			var o outgoing
			if p.Rejected.IsZero() {
				if err := o.event(ctx, tx, store.PendingEvent(p, p.Last)); err != nil {
					return err
				}
			}
			return o.append(tx)
		})
	}
	if err != nil {
		return fmt.Errorf("put pending device %q: %w", p.ID, err)
	}
	db.unread.settled(store.KindPendingDevice, p.ID)
	return nil
}

// PendingDevices implements [store.Store].
func (db *DB) PendingDevices(ctx context.Context) (all []store.PendingDevice, err error) {
	type found struct {
		id  string
		row []byte
	}
	var list []found
	err = db.link.View(ctx, func(ctx context.Context, q cluster.Reader) (err error) {
		list, err = collect(ctx, q, "select id, row from pending_device order by id", nil, func(rows pgx.Rows) (f found, err error) { return f, rows.Scan(&f.id, &f.row) })
		return err
	})
	for _, f := range list {
		p, wrong := rows.DecodePendingDevice(f.row)
		if wrong == nil && p.ID != f.id {
			wrong = fmt.Errorf("%w: it is of %q", store.ErrCorrupt, p.ID)
		}
		switch wrong = unreadable(store.KindPendingDevice, f.id, wrong); {
		case db.skips(wrong):
		case wrong != nil:
			err = wrong
		default:
			all = append(all, p)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list pending devices: %w", err)
	}
	return all, nil
}

// DeletePendingDevice implements [store.Store].
func (db *DB) DeletePendingDevice(ctx context.Context, id string) error {
	err := db.edit(ctx, func(ctx context.Context, tx *transaction) error {
		found := 0
		if err := tx.Read(ctx, one("select 1 from pending_device where id = $1 for update", []any{text(id)}, &found)); err != nil || found == 0 {
			return err
		}
		tx.Write("delete from pending_device where id = $1", id)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete pending device %q: %w", id, err)
	}
	db.unread.settled(store.KindPendingDevice, id)
	return nil
}
