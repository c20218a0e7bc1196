package bolt

import (
	"fmt"
	"path/filepath"
	"strconv"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
)

// A migration brings the records of one schema to the next.
type migration func(*dbfile.RawTx) error

// migrations are by the schema that they start from. Schema 1 is the first, so there
// is none yet.
var migrations = map[int]migration{}

// migrate brings the file from an older schema to the newer one, in one transaction,
// after a copy of it was made beside it.
func (db *DB) migrate(from, to int, steps map[int]migration) error {
	if db.opts.ReadOnly {
		return fmt.Errorf("%w: schema %d must be brought up to date first, by any command that edits", store.ErrSchema, from)
	}
	backup := fmt.Sprintf("%s.schema%d", db.path, from)
	err := db.file.RawView(func(tx *dbfile.RawTx) error { return tx.CopyFile(backup, 0o600) })
	if err != nil {
		return fmt.Errorf("copy to %s before the migration: %w", backup, err)
	}
	if err := store.SyncDir(filepath.Dir(db.path)); err != nil {
		return err
	}
	return db.file.RawChange(func(tx *dbfile.RawTx) error {
		for version := from; version < to; version++ {
			step := steps[version]
			if step == nil {
				return fmt.Errorf("%w: there is no way from schema %d to %d", store.ErrSchema, version, version+1)
			}
			if err := step(tx); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", version, err)
			}
		}
		return tx.Bucket(bucketMeta).Put(keySchema, []byte(strconv.Itoa(to)))
	})
}
