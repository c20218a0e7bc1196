package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

// Stats implements [store.Store].
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	s := store.Stats{Backend: "bolt", Schema: schema}
	err := db.view(ctx, func(tx *transaction) error {
		s.Devices, s.Profiles = int(count(tx, keyDevices)), int(count(tx, keyProfiles))
		s.Groups = int(count(tx, keyGroups))
		s.LwM2MServers = int(count(tx, keyLwM2MServers))
		s.Sessions = int(countSessions(tx))
		s.Bytes = tx.Size()
		s.Free = int64(db.db.Stats().FreePageN) * int64(db.db.Info().PageSize)
		return nil
	})
	if err != nil {
		return store.Stats{}, fmt.Errorf("database statistics: %w", err)
	}
	return s, nil
}

func countSessions(tx *transaction) (n uint64) {
	for _, h := range histories {
		n += count(tx, h.count)
	}
	return n
}

// Backup writes a compacted copy to file, whole or not at all, while the database is
// in use. A plain copy of the file would keep the secrets of deleted records. Associations
// are left out: they must not go on from an older state. It
// never replaces a file: then the error wraps [fs.ErrExist].
func (db *DB) Backup(ctx context.Context, file string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch _, err := os.Lstat(file); {
	case err == nil:
		return fmt.Errorf("back up to %s: %w", file, fs.ErrExist)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("back up: %w", err)
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return fmt.Errorf("back up to %s: its folder: %w", file, err)
	}
	part := file + ".part"
	if err := db.reading(func() error { return db.compactInto(ctx, part) }); err != nil {
		return fmt.Errorf("back up to %s: %w", file, errors.Join(adapt(err), removeIfAny(part)))
	}
	err := errors.Join(os.Link(part, file), os.Remove(part), store.SyncDir(filepath.Dir(file)))
	if err != nil {
		return fmt.Errorf("back up to %s: %w", file, err)
	}
	return nil
}

// WriteBackup writes a compacted copy, as Backup does, to w. It makes it in a folder beside the
// database first, which it removes.
func (db *DB) WriteBackup(ctx context.Context, w io.Writer) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(db.path), ".lwbs-backup-*")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	part := filepath.Join(dir, "copy.db")
	if err := db.reading(func() error { return db.compactInto(ctx, part) }); err != nil {
		return fmt.Errorf("back up: %w", adapt(err))
	}
	f, err := os.Open(part)
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	defer f.Close()
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// compactInto makes a compacted copy, of a database whose pages can all be read: a copy that
// lacks something would pass for whole.
func (db *DB) compactInto(ctx context.Context, part string) error {
	db.use.RLock()
	defer db.use.RUnlock()
	if err := db.db.View(func(tx *bbolt.Tx) error { return db.whole(ctx, tx) }); err != nil {
		return err
	}
	if err := removeIfAny(part); err != nil {
		return err
	}
	opts := Options{}.withDefaults().bbolt()
	opts.NoFreelistSync = false // so that the copy can be opened for reading alone
	dst, err := bbolt.Open(part, 0o600, opts)
	if err != nil {
		return err
	}
	err = db.db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, from *bbolt.Bucket) error { return copyBucket(dst, name, from) })
	})
	return errors.Join(err, dst.Sync(), dst.Close())
}

// copyBucket copies what a backup has of a bucket, which holds no others.
func copyBucket(dst *bbolt.DB, name []byte, from *bbolt.Bucket) error {
	tx, err := dst.Begin(true)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // of the last one, unless that was kept
	to, err := tx.CreateBucket(name)
	if err != nil || bytes.Equal(name, bucketAssociation) {
		return errors.Join(err, tx.Commit())
	}
	size := 0
	err = from.ForEach(func(key, value []byte) error {
		if bytes.Equal(name, bucketMeta) && (bytes.Equal(key, keyAssociations) || bytes.Equal(key, keyRun)) {
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
		to.FillPercent = copyFill
		return to.Put(key, value)
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}

const (
	// copySize is about how many bytes are copied in one transaction.
	copySize = 1 << 20

	// copyFill is how full pages become, as keys come in their order.
	copyFill = 0.9
)

// whole reports the first page that cannot be read.
func (db *DB) whole(ctx context.Context, tx *bbolt.Tx) error {
	meta, err := db.metaOf(tx)
	if err != nil {
		return err
	}
	survey, complete := db.pages.Survey(meta, func(uint64) bool { return ctx.Err() == nil })
	switch {
	case !complete:
		return ctx.Err()
	case len(survey.Lost) > 0:
		part := damaged(survey.Lost[0].Bucket, "", survey.Lost[0].Err)
		db.unread.Note(part)
		return fmt.Errorf("%w: %s", part, insteadOfBackup)
	}
	return nil
}

// insteadOfBackup is what is left to do where there can be no backup.
const insteadOfBackup = "a copy would lack what is on it; lwbs db check tells what that is, and lwbs db salvage, without a server, makes a new database of the rest"

// metaOf says where the trees of a transaction are.
func (db *DB) metaOf(tx *bbolt.Tx) (pages.Meta, error) {
	info, err := db.file.Stat()
	if err != nil {
		return pages.Meta{}, err
	}
	size := db.pages.PageSize()
	return pages.Meta{PageSize: size, Root: uint64(tx.Cursor().Bucket().Root()), Free: pages.NoFree, End: uint64(min(tx.Size(), info.Size())) / uint64(size)}, nil
}
