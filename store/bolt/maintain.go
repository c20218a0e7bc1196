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

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
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
		s.Free = db.file.Free()
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
	if err := db.compactInto(ctx, part); err != nil {
		return fmt.Errorf("back up to %s: %w", file, errors.Join(dbfile.Adapt(err), dbfile.RemoveIfAny(part)))
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
	if err := db.compactInto(ctx, part); err != nil {
		return fmt.Errorf("back up: %w", dbfile.Adapt(err))
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

// compactInto makes a compacted copy without associations.
func (db *DB) compactInto(ctx context.Context, part string) error {
	return db.file.Compact(ctx, part, func(bucket, key []byte) bool {
		return bytes.Equal(bucket, bucketAssociation) ||
			bytes.Equal(bucket, bucketMeta) && (bytes.Equal(key, keyAssociations) || bytes.Equal(key, keyRun))
	})
}
