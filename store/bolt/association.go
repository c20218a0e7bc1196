package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/rows"
)

var _ store.Associations = (*DB)(nil)

// KeepAssociations implements [store.Associations].
func (db *DB) KeepAssociations(ctx context.Context, put []store.Association, ended []store.AssociationKey) error {
	if err := db.keepAssociations(ctx, put, ended); err != nil {
		return fmt.Errorf("keep associations: %w", err)
	}
	return nil
}

func (db *DB) keepAssociations(ctx context.Context, put []store.Association, ended []store.AssociationKey) error {
	if !db.run.resumed() {
		return store.ErrVoid
	}
	encoded := make([][]byte, len(put))
	for i, a := range put {
		var err error
		if encoded[i], err = rows.EncodeAssociation(db.keyring, a); err != nil {
			return err
		}
	}
	var mark runMark
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		if mark, refused = db.run.next(tx); refused != nil {
			return refused, nil
		}
		return nil, errors.Join(
			editAssociations(tx, put, encoded, ended),
			setMark(tx, mark),
			db.pruneAssociations(tx))
	})
	if err != nil {
		return err
	}
	db.run.reached(mark)
	return nil
}

// editAssociations removes those of ended, and puts put, as encoded.
func editAssociations(tx *transaction, put []store.Association, encoded [][]byte, ended []store.AssociationKey) error {
	b, n := tx.Bucket(bucketAssociation), count(tx, keyAssociations)
	b.FillPercent = dbfile.CopyFill // those heard of last come last
	for _, key := range ended {
		if b.Get(key.Bytes()) == nil {
			continue
		}
		if err := b.Delete(key.Bytes()); err != nil {
			return err
		}
		n--
	}
	for i, a := range put {
		if b.Get(a.Bytes()) == nil {
			n++
		}
		if err := b.Put(a.Bytes(), encoded[i]); err != nil {
			return err
		}
	}
	return setCount(tx, keyAssociations, n)
}

// pruneAssociations removes those heard of least recently, above the limit.
func (db *DB) pruneAssociations(tx *transaction) error {
	limit := uint64(db.opts.Associations)
	return dropOldest(tx, int(max(count(tx, keyAssociations), limit)-limit))
}

// dropOldest removes n associations, those heard of least recently.
func dropOldest(tx *transaction, n int) error {
	if n == 0 {
		return nil
	}
	left := count(tx, keyAssociations)
	var keys [][]byte
	tx.Bucket(bucketAssociation).Ascend(nil, func(k, _ []byte) bool {
		keys = append(keys, bytes.Clone(k))
		return len(keys) < n
	})
	for _, key := range keys {
		if err := tx.Bucket(bucketAssociation).Delete(key); err != nil {
			return err
		}
	}
	return setCount(tx, keyAssociations, max(left, uint64(len(keys)))-uint64(len(keys)))
}

// Associations implements [store.Associations].
func (db *DB) Associations(ctx context.Context, before store.AssociationKey, limit int) (page []store.Association, err error) {
	limit = pageLimit(limit)
	var from []byte
	if !before.IsZero() {
		from = before.Bytes()
	}
	err = db.view(ctx, func(tx *transaction) error {
		var failed error
		tx.Bucket(bucketAssociation).Descend(from, func(key, row []byte) bool {
			a, err := rows.DecodeAssociation(db.keyring, row)
			if err == nil && !bytes.Equal(a.Bytes(), key) {
				err = fmt.Errorf("%w: it is of %v", store.ErrCorrupt, a.AssociationKey)
			}
			switch {
			case err == nil:
				page = append(page, a)
			case !errors.Is(err, store.ErrNoKey) && !db.skips(unreadable(bucketAssociation, fmt.Sprintf("%x", key), err)):
				failed = err
			}
			return failed == nil && len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list associations: %w", err)
	}
	return page, nil
}
