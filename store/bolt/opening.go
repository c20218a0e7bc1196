package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

// openFile opens and locks the file, and sees that bbolt can work with it, which dies of what
// is wrong there.
func (db *DB) openFile(file string) error {
	mode := os.O_RDWR
	if db.opts.ReadOnly {
		mode = os.O_RDONLY
	}
	f, err := os.OpenFile(file, mode, 0o600)
	if err != nil {
		return err
	}
	if err := lock(f, !db.opts.ReadOnly, db.opts.LockTimeout); err != nil {
		return errors.Join(err, f.Close())
	}
	opts := db.opts.bbolt()
	opts.OpenFile = firstly(f)
	err = db.inspect(f)
	if err == nil {
		err = db.reading(func() (err error) {
			opts.NoFreelistSync = !db.degraded.Load()
			db.db, err = bbolt.Open(file, 0o600, opts)
			return err
		})
	}
	if err != nil {
		return errors.Join(err, closeIfOpen(f))
	}
	db.file, db.pages = f, pages.Running(f, db.db.Info().PageSize)
	return nil
}

// firstly returns an os.OpenFile that returns f when it is called first.
func firstly(f *os.File) func(string, int, os.FileMode) (*os.File, error) {
	return func(name string, flag int, perm os.FileMode) (*os.File, error) {
		if f == nil {
			return os.OpenFile(name, flag, perm)
		}
		first := f
		f = nil
		return first, nil
	}
}

func closeIfOpen(f *os.File) error {
	if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
		return err
	}
	return nil
}

// inspect looks at a file that was not closed in order, and writes what bbolt needs to work
// with it: see [pages.Repair]. Where it is damaged, it notes what is.
func (db *DB) inspect(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	file, err := pages.Open(f, info.Size())
	if err != nil {
		return fmt.Errorf("%w: %w: put a backup in its place, or see what lwbs db salvage can read of it", store.ErrCorrupt, err)
	}
	meta, _ := file.Newest()
	if db.opts.ReadOnly {
		return nil
	}
	if db.closedOK = wasClosed(f, file, meta); db.closedOK {
		return nil
	}
	survey, complete := file.Survey(meta, func(read uint64) bool {
		return db.opts.Progress == nil || db.opts.Progress(int64(read)*int64(meta.PageSize), int64(meta.End)*int64(meta.PageSize))
	})
	if !complete {
		return context.Canceled
	}
	for _, lost := range survey.Lost {
		part := damaged(lost.Bucket, "", lost.Err)
		if lost.Bucket == "" { // without the names of the buckets there is nothing
			return fmt.Errorf("%w: put a backup in its place, or see what lwbs db salvage can read of it", part)
		}
		db.unread.note(part)
	}
	repair, needed, err := survey.Repair(file, meta, func(bucket string) bool {
		return slices.ContainsFunc(ofHistory, func(name []byte) bool { return string(name) == bucket })
	})
	if err != nil || !needed {
		return err
	}
	if err := db.mend(f, repair); err != nil && db.degraded.Load() {
		return err
	}
	return nil // what was not written, bbolt finds out by itself
}

// mend writes a repair so that a power cut leaves the file as it was, or repaired.
func (db *DB) mend(f *os.File, r pages.Repair) error {
	for _, page := range r.Pages {
		if _, err := f.WriteAt(page.Bytes, page.At); err != nil {
			return err
		}
	}
	if err := db.sync(f); err != nil {
		return err
	}
	if _, err := f.WriteAt(r.Meta.Bytes, r.Meta.At); err != nil {
		return err
	}
	return db.sync(f)
}

func (db *DB) sync(f *os.File) error {
	if db.opts.noSync {
		return nil
	}
	return f.Sync()
}
