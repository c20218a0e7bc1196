package dbfile

import (
	"fmt"
	"path/filepath"

	"lwbs/store"
)

// A Step brings the records of one schema to the next.
type Step func(*RawTx) error

// Migrate brings the file from an older schema to a newer one, in one transaction, after a copy of it was
// made beside it. Steps are by the schema that they start from; stamp notes the schema that the file has
// then. It is called before Start.
func (db *File) Migrate(from, to int, steps map[int]Step, stamp func(tx *RawTx, schema int) error) error {
	if db.opts.ReadOnly {
		return fmt.Errorf("%w: schema %d must be brought up to date first, by any command that edits", store.ErrSchema, from)
	}
	backup := fmt.Sprintf("%s.schema%d", db.path, from)
	err := db.RawView(func(tx *RawTx) error { return tx.CopyFile(backup, 0o600) })
	if err != nil {
		return fmt.Errorf("copy to %s before the migration: %w", backup, err)
	}
	if err := store.SyncDir(filepath.Dir(db.path)); err != nil {
		return err
	}
	return db.RawChange(func(tx *RawTx) error {
		for version := from; version < to; version++ {
			step := steps[version]
			if step == nil {
				return fmt.Errorf("%w: there is no way from schema %d to %d", store.ErrSchema, version, version+1)
			}
			if err := step(tx); err != nil {
				return fmt.Errorf("migrate from schema %d: %w", version, err)
			}
		}
		return stamp(tx, to)
	})
}
