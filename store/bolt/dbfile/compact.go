package dbfile

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"lwbs/store/bolt/pages"
)

const (
	// copySize is about how many bytes are copied in one transaction.
	copySize = 1 << 20

	// CopyFill is how full pages become where keys come in their order.
	CopyFill = 0.9
)

// Compact makes a compacted copy, of a database whose pages can all be read: a copy that lacks something
// would pass for whole. It has all buckets, and of each what leave does not leave out. Where it fails,
// the caller removes what there is of the copy.
func (db *File) Compact(ctx context.Context, to string, leave func(bucket, key []byte) bool) error {
	return db.Reading(func() error {
		db.use.RLock()
		defer db.use.RUnlock()
		if err := db.db.View(func(tx *bbolt.Tx) error { return db.whole(ctx, tx) }); err != nil {
			return err
		}
		if err := RemoveIfAny(to); err != nil {
			return err
		}
		opts := Options{}.withDefaults().bbolt()
		opts.NoFreelistSync = false // so that the copy can be opened for reading alone
		dst, err := bbolt.Open(to, 0o600, opts)
		if err != nil {
			return err
		}
		err = db.db.View(func(tx *bbolt.Tx) error {
			return tx.ForEach(func(name []byte, from *bbolt.Bucket) error { return copyBucket(dst, name, from, leave) })
		})
		return errors.Join(err, dst.Sync(), dst.Close())
	})
}

// copyBucket copies what leave does not leave out of a bucket, which holds no others.
func copyBucket(dst *bbolt.DB, name []byte, from *bbolt.Bucket, leave func(bucket, key []byte) bool) error {
	tx, err := dst.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of the last one, unless that was kept
	to, err := tx.CreateBucket(name)
	if err != nil {
		return err
	}
	size := 0
	err = from.ForEach(func(key, value []byte) error {
		if leave(name, key) {
			return nil
		}
		if size += len(key) + len(value); size > copySize {
			if err := tx.Commit(); err != nil {
				return err
			}
			if tx, err = dst.Begin(true); err != nil {
				return err
			}
			to, size = tx.Bucket(name), 0
		}
		to.FillPercent = CopyFill
		return to.Put(key, value)
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

// whole reports the first page that cannot be read.
func (db *File) whole(ctx context.Context, tx *bbolt.Tx) error {
	file, meta, err := db.Pages(tx)
	if err != nil {
		return err
	}
	survey, complete := file.Survey(meta, func(uint64) bool { return ctx.Err() == nil })
	switch {
	case !complete:
		return ctx.Err()
	case len(survey.Lost) > 0:
		part := Damaged(survey.Lost[0].Bucket, "", survey.Lost[0].Err)
		db.unread.Note(part)
		return fmt.Errorf("%w: %s", part, InsteadOfBackup)
	}
	return nil
}

// InsteadOfBackup is what is left to do where there can be no backup.
const InsteadOfBackup = "a copy would lack what is on it; lwbs db check tells what that is, and lwbs db salvage, without a server, makes a new database of the rest"

// Pages returns the pages of the file, and where the trees of a transaction are among them.
func (db *File) Pages(tx *RawTx) (*pages.File, pages.Meta, error) {
	info, err := db.file.Stat()
	if err != nil {
		return nil, pages.Meta{}, err
	}
	size := db.pages.PageSize()
	return db.pages, pages.Meta{PageSize: size, Root: uint64(tx.Cursor().Bucket().Root()), Free: pages.NoFree, End: uint64(min(tx.Size(), info.Size())) / uint64(size)}, nil
}
