package bolt

import (
	"fmt"
	"path/filepath"
	"strconv"

	"go.etcd.io/bbolt"

	"lwbs/store"
)

// migrations bring a file from the schema that is their index to the next one. There
// is none to schema 1, the first; a step for it stands here so that indexes fit.
var migrations = []func(*bbolt.Tx) error{
	0: nil,
}

// migrate brings the file from an older schema up to date, in one transaction, after
// a copy of it was made beside it.
func (db *DB) migrate(file string, from int) error {
	if db.opts.ReadOnly {
		return fmt.Errorf("%w: schema %d must be brought up to date first, by any command that edits", store.ErrSchema, from)
	}
	backup := fmt.Sprintf("%s.schema%d", file, from)
	err := db.db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(backup, 0o600) })
	if err != nil {
		return fmt.Errorf("copy to %s before the migration: %w", backup, err)
	}
	if err := store.SyncDir(filepath.Dir(file)); err != nil {
		return err
	}
	return db.db.Update(func(tx *bbolt.Tx) error {
		for version := from; version < schema; version++ {
			if err := migrations[version](tx); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", version, err)
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(schema)))
	})
}
