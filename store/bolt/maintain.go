package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"lwbs/store"
)

// Stats implements [store.Store].
func (db *DB) Stats(ctx context.Context) (store.Stats, error) {
	s := store.Stats{Backend: "bolt", Schema: schema}
	err := db.view(ctx, func(tx *transaction) error {
		s.Devices, s.Profiles = int(count(tx, keyDevices)), int(count(tx, keyProfiles))
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
// in use. A plain copy of the file would keep the secrets of deleted records. It
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
	if err := db.reading(func() error { return db.compactInto(part) }); err != nil {
		return fmt.Errorf("back up to %s: %w", file, errors.Join(adapt(err), removeIfAny(part)))
	}
	err := errors.Join(os.Link(part, file), os.Remove(part), store.SyncDir(filepath.Dir(file)))
	if err != nil {
		return fmt.Errorf("back up to %s: %w", file, err)
	}
	return nil
}

func (db *DB) compactInto(part string) error {
	db.use.RLock()
	defer db.use.RUnlock()
	if err := removeIfAny(part); err != nil {
		return err
	}
	opts := Options{}.withDefaults().bbolt()
	opts.NoFreelistSync = false // so that the copy can be opened for reading alone
	dst, err := bbolt.Open(part, 0o600, opts)
	if err != nil {
		return err
	}
	return errors.Join(bbolt.Compact(dst, db.db, 1<<20), dst.Sync(), dst.Close())
}
