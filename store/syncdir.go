package store

import (
	"errors"
	"os"
)

// SyncDir makes files that were created or renamed in a folder survive a crash.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
