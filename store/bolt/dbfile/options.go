package dbfile

import (
	"os"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/store"
)

// Options configure a [File]. Zero means the default stated at the field.
type Options struct {
	// LockTimeout is how long to wait for another process to let go of the file.
	// Default 1 s.
	LockTimeout time.Duration

	// MaxSize limits the file, in bytes; edits that need more fail with
	// store.ErrFull. Default: no limit.
	MaxSize int

	// Unreadable, where set, is told of each part of the database that cannot be read, when
	// that shows for the first time. It may be called from any goroutine, and must not wait.
	Unreadable func(*store.UnreadableError)

	// Panicked, where set, is told of a panic of the writer with its value, from within the
	// deferred function. The edits that it was about have failed.
	Panicked func(value any)

	// Progress, where set, is called while a file is read that was not closed in order, with
	// the number of bytes that were read so far, of all. Where it returns false, the opening
	// ends with context.Canceled. A file of more than 64 MiB is read while it is served: then it
	// is called after the opening, by another goroutine, and false ends the reading only.
	Progress func(read, all int64) bool

	// ReadOnly opens without the right to edit, for a check; several processes can
	// do so at once.
	ReadOnly bool

	// NoSync tells that edits are kept before the disk has them.
	NoSync bool

	// GroupWait is for how long after a transaction patient edits wait for others: see
	// [File.EditPatiently]. Default 10 ms.
	GroupWait time.Duration

	// For tests.
	Opened  func(*os.File)                        // told of the file
	Mapped  func(*File)                           // told that bbolt has opened it
	WriteAt func(b []byte, at int64) (int, error) // writes to it what bbolt does not

	// SurveyAtOnce is the size of a file in bytes up to which it is read before it is served, where it
	// was not closed in order. Default 64 MiB.
	SurveyAtOnce int64
}

func (o Options) withDefaults() Options {
	if o.LockTimeout == 0 {
		o.LockTimeout = defaultLockTimeout
	}
	if o.GroupWait == 0 {
		o.GroupWait = groupWait
	}
	if o.SurveyAtOnce == 0 {
		o.SurveyAtOnce = surveyAtOnce
	}
	return o
}

// defaultLockTimeout is for how long a lock is waited for.
const defaultLockTimeout = time.Second

// bbolt returns the options of the file. A freelist that is a map and is not written
// at each commit makes edits several times faster in a large file; in exchange the
// file is scanned when it is opened. A large map of the file at the start spares
// writers the wait for readers each time the file grows.
func (o Options) bbolt() *bbolt.Options {
	mmap := 1 << 30
	if ^uint(0)>>32 == 0 {
		mmap = 0 // 32 bits of address space are too few
	}
	return &bbolt.Options{
		Timeout:         o.LockTimeout,
		FreelistType:    bbolt.FreelistMapType,
		NoFreelistSync:  true,
		InitialMmapSize: mmap,
		MaxSize:         o.MaxSize,
		ReadOnly:        o.ReadOnly,
		NoSync:          o.NoSync,
		NoGrowSync:      o.NoSync,
	}
}
