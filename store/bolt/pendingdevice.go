package bolt

import (
	"context"
	"errors"
	"fmt"

	"lwbs/store"
	"lwbs/store/rows"
)

// PutPendingDevice implements [store.Store].
func (db *DB) PutPendingDevice(ctx context.Context, p store.PendingDevice) error {
	row, err := rows.EncodePendingDevice(p)
	if err == nil {
		err = db.edit(ctx, func(tx *transaction) (refused, failed error) {
			var o outgoing
			if tx.Bucket(bucketPendingDevice).Get([]byte(p.ID)) == nil && p.Rejected.IsZero() {
				if err := o.event(tx, store.PendingEvent(p, p.Last)); err != nil {
					return err, nil
				}
			}
			return nil, errors.Join(tx.Bucket(bucketPendingDevice).Put([]byte(p.ID), row), o.append(tx))
		})
	}
	if err != nil {
		return fmt.Errorf("put pending device %q: %w", p.ID, err)
	}
	db.file.Unread().Settled(bucketPendingDevice, p.ID)
	return nil
}

// PendingDevices implements [store.Store].
func (db *DB) PendingDevices(ctx context.Context) (all []store.PendingDevice, err error) {
	err = db.view(ctx, func(tx *transaction) error {
		var failed error
		tx.Bucket(bucketPendingDevice).Ascend(nil, func(key, row []byte) bool {
			p, err := rows.DecodePendingDevice(row)
			if err == nil {
				err = isPendingDevice(p, string(key))
			}
			switch {
			case err == nil:
				all = append(all, p)
			case !db.skips(unreadable(bucketPendingDevice, string(key), err)):
				failed = err
			}
			return failed == nil && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list pending devices: %w", err)
	}
	return all, nil
}

// DeletePendingDevice implements [store.Store].
func (db *DB) DeletePendingDevice(ctx context.Context, id string) error {
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		return nil, tx.Bucket(bucketPendingDevice).Delete([]byte(id))
	})
	if err != nil {
		return fmt.Errorf("delete pending device %q: %w", id, err)
	}
	db.file.Unread().Settled(bucketPendingDevice, id)
	return nil
}

// pendingDeviceAt returns what is wrong with the row under key.
func pendingDeviceAt(key, row []byte) error {
	p, err := rows.DecodePendingDevice(row)
	if err != nil {
		return err
	}
	return isPendingDevice(p, string(key))
}

// isPendingDevice reports that p was read under a key that is not its ID.
func isPendingDevice(p store.PendingDevice, key string) error {
	if p.ID != key {
		return fmt.Errorf("%w: it is of %q", store.ErrCorrupt, p.ID)
	}
	return nil
}
