package dbfile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/osfile"
	"lwbs/store/bolt/pages"
)

// openFile opens and locks the file, and sees with inspect that bbolt can work with it, which
// dies of what is wrong there.
func (db *File) openFile(file string, inspect func(*os.File) error) error {
	mode := os.O_RDWR
	if db.opts.ReadOnly {
		mode = os.O_RDONLY
	}
	f, err := os.OpenFile(file, mode, 0o600)
	if err != nil {
		return err
	}
	if err := osfile.Lock(f, !db.opts.ReadOnly, db.opts.LockTimeout); err != nil {
		return errors.Join(err, f.Close())
	}
	if db.opts.Opened != nil {
		db.opts.Opened(f)
	}
	opts := db.opts.bbolt()
	opts.OpenFile = firstly(f)
	var b *bbolt.DB
	err = inspect(f)
	if err == nil {
		err = db.Reading(func() (err error) {
			opts.NoFreelistSync = !db.degraded.Load()
			opts.InitialMmapSize = db.mapSize(f, opts.InitialMmapSize)
			b, err = bbolt.Open(file, 0o600, opts)
			return err
		})
	}
	if err != nil {
		return errors.Join(err, closeIfOpen(f))
	}
	db.db, db.file, db.pages = b, f, pages.Running(f, b.Info().PageSize)
	db.forest.Store(nil)
	if db.opts.Mapped != nil {
		db.opts.Mapped(db)
	}
	return nil
}

// mapSize is how many bytes of a file bbolt is to map, with room for edits while its free pages
// are searched.
func (db *File) mapSize(f *os.File, least int) int {
	info, err := f.Stat()
	if err != nil || !db.reclaim.pending || least == 0 {
		return least
	}
	return max(least, int(info.Size())+mapAhead)
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

// inspect looks at a file, and writes what bbolt needs to work with it, unless it was closed
// in order.
func (db *File) inspect(f *os.File) error {
	file, err := PagesOf(f)
	if err != nil {
		return err
	}
	meta, _ := file.Newest()
	wrong := cmp.Or(file.Wrong(0), file.Wrong(1)) // which bbolt may believe
	_, err = file.Buckets(meta).Trees()
	switch db.closedOK = !db.opts.ReadOnly && wrong == nil && err == nil && file.WasClosed(meta); {
	case db.closedOK:
		return nil
	case db.opts.ReadOnly && cmp.Or(wrong, err) != nil:
		return fmt.Errorf("%w: %w: it is not for reading alone", store.ErrCorrupt, cmp.Or(wrong, err))
	case db.opts.ReadOnly:
		return nil
	case cmp.Or(wrong, err) == nil && db.deferSurvey(f, file, meta):
		return nil
	}
	repair, err := db.survey(file)
	if err != nil || repair == nil {
		return err
	}
	if wrong != nil && db.opts.Unreadable != nil {
		db.opts.Unreadable(&store.UnreadableError{Err: fmt.Errorf("%w: %w: %s", store.ErrCorrupt, wrong, LastEdit)})
	}
	if err := db.mend(f, *repair); err != nil && (db.degraded.Load() || wrong != nil) {
		return err
	}
	return nil // what was not written, bbolt finds out by itself
}

// LastEdit is what a meta page that is damaged means.
const LastEdit = "the other meta page is used, which may be of the edit before the last: after a power cut the last edit was not acknowledged; else look at the disk"

// PagesOf reads the metas of a file.
func PagesOf(f *os.File) (*pages.File, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	file, err := pages.Open(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%w: %w: %s", store.ErrCorrupt, err, insteadOf)
	}
	return file, nil
}

// insteadOf is what is left to do with a file of which nothing can be served.
const insteadOf = "put a backup in its place, or see what lwbs db salvage can read of it"

// survey reads the whole file, notes what is damaged in it, and returns what is to be written
// so that bbolt can work with it; nil for nothing.
func (db *File) survey(file *pages.File) (*pages.Repair, error) {
	meta, _ := file.Newest()
	survey, complete := file.Survey(meta, func(read uint64) bool { return db.progress(read, meta) })
	if !complete {
		return nil, context.Canceled
	}
	found := gapsOf(survey.Lost, db.hooks.CutOff)
	db.gaps.Store(&found)
	for _, lost := range survey.Lost {
		part := Damaged(lost.Bucket, "", lost.Err)
		if lost.Bucket == "" { // without the names of the buckets there is nothing
			return nil, fmt.Errorf("%w: %s", part, insteadOf)
		}
		db.unread.Note(part)
	}
	repair, needed, err := survey.Repair(file, meta, db.hooks.CutOff)
	if err != nil || !needed {
		return nil, err
	}
	return &repair, nil
}

// progress tells of the reading of the file, and reports whether it goes on.
func (db *File) progress(read uint64, m pages.Meta) bool {
	return db.opts.Progress == nil || db.opts.Progress(int64(read)*int64(m.PageSize), int64(m.End)*int64(m.PageSize))
}

// mend writes a repair so that a power cut leaves the file as it was, or repaired.
func (db *File) mend(f *os.File, r pages.Repair) error {
	for _, page := range r.Pages {
		if err := db.writeAt(f, page.Bytes, page.At); err != nil {
			return err
		}
	}
	if err := db.sync(f); err != nil {
		return err
	}
	if err := db.writeAt(f, r.Meta.Bytes, r.Meta.At); err != nil {
		return err
	}
	return db.sync(f)
}

// writeAt writes to the file what bbolt does not.
func (db *File) writeAt(f *os.File, b []byte, at int64) (err error) {
	if db.opts.WriteAt != nil {
		_, err = db.opts.WriteAt(b, at)
		return err
	}
	_, err = f.WriteAt(b, at)
	return err
}

func (db *File) sync(f *os.File) error {
	if db.opts.NoSync {
		return nil
	}
	return f.Sync()
}

// OpenToRead opens a file that no process edits meanwhile, and returns its size in bytes. It is not
// opened as a database.
func OpenToRead(path string) (*os.File, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is no file", path)
	default:
		err = osfile.Lock(f, false, defaultLockTimeout)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}
