package dbfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"lwbs/store"
	"lwbs/store/bolt/pages"
	"lwbs/store/bolt/unread"
)

// A RawTx is a transaction that looks at no page before it uses it.
type RawTx = bbolt.Tx

// A File is an open bbolt file. Its methods may be called concurrently.
type File struct {
	use   sync.RWMutex // held for reading while db is used, for writing while it is replaced
	db    *bbolt.DB
	file  *os.File    // that of db, which closes it
	pages *pages.File // of it

	forest atomic.Pointer[forest] // that a read came to last; nil for none
	gaps   atomic.Pointer[Gaps]   // that the opening has left, and that are not filled yet

	path  string
	opts  Options
	hooks Hooks

	degraded atomic.Bool  // pages are damaged
	closedOK bool         // the file was closed in order when it was opened
	written  bool         // there was an edit since; of the writer, until done is closed
	healed   time.Time    // when the allowance for opening the file anew is whole again; of the writer
	reclaim  reclaim      // of pages that were free when the file was opened
	asked    atomic.Int64 // when a read asked for that last, Unix time in seconds
	writing  atomic.Int64 // when the write under way began, Unix time in ns; zero where none is

	unread *unread.Parts

	edits chan edit
	done  chan struct{} // closed when the writer has ended

	mu     sync.RWMutex // held for reading while an edit is handed over
	closed bool         // guarded by mu
}

// Hooks are what a [File] asks of its user. All are required.
type Hooks struct {
	// Indexes are the names of the buckets that say nothing that records do not. CutOff are those that
	// lose what lies on damaged pages when the file is opened; of others it is told, and edits there
	// fail. Each index is among them.
	Indexes, CutOff map[string]bool

	// Attach returns what the user keeps with a transaction: see [Tx.User].
	Attach func(tx *Tx) any

	// Commit runs end, which is the end of a transaction that has changed something.
	Commit func(tx *Tx, end func() error) error

	// Reopened is called when the file is about to be opened anew: what was read before may not be there
	// any more.
	Reopened func()

	// Heal fills the indexes again after reopen, which opens the file anew without what is lost and
	// reports whether it did. It reports whether all is well. It is called by the writer.
	Heal func(reopen func() bool) bool
}

// Create makes a file that fill fills, under another name first, and then renames it, so that a crash
// leaves a whole file or none.
func Create(path string, fill func(tx *RawTx) error) error {
	fresh := path + ".new"
	if err := RemoveIfAny(fresh); err != nil {
		return err
	}
	b, err := bbolt.Open(fresh, 0o600, Options{}.withDefaults().bbolt())
	if err != nil {
		return errors.Join(Adapt(err), RemoveIfAny(fresh))
	}
	err = b.Update(fill)
	if err = errors.Join(err, b.Sync(), b.Close()); err != nil {
		return errors.Join(Adapt(err), RemoveIfAny(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return store.SyncDir(filepath.Dir(path))
}

// RemoveIfAny removes a file; that there is none is no error.
func RemoveIfAny(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Open opens and locks a file. Errors: store.ErrLocked, ErrCorrupt, ErrFull. Before the first edit the
// caller brings the file up to date, with [File.View], [File.RawView] and [File.Change], and calls
// [File.Start]. The caller closes the File.
func Open(path string, opts Options, hooks Hooks) (*File, error) {
	db := &File{path: path, opts: opts.withDefaults(), hooks: hooks, edits: make(chan edit, maxGroup), done: make(chan struct{})}
	db.unread = unread.New(db.learn)
	db.gaps.Store(&Gaps{})
	if err := db.openFile(path, db.inspect); err != nil {
		return nil, Adapt(err)
	}
	if db.reclaim.pending {
		_ = db.beginReclaim() // before any edit; where it fails, the next opening tries again
	}
	return db, nil
}

// Start begins to take edits.
func (db *File) Start() { go db.write() }

// Abandon closes a File that was not started.
func (db *File) Abandon() error {
	db.endReclaim()
	return db.db.Close()
}

// learn is told of each part of the database that cannot be read, for the first time.
func (db *File) learn(part *store.UnreadableError) {
	if part.Page != 0 || part.Key == "" {
		db.degraded.Store(true)
	}
	if db.opts.Unreadable != nil {
		db.opts.Unreadable(part)
	}
}

// Unread has the parts of the database that could not be read so far.
func (db *File) Unread() *unread.Parts { return db.unread }

// Degraded reports whether pages are damaged.
func (db *File) Degraded() bool { return db.degraded.Load() }

// Usable returns why nothing may be read any more, such as from a cache.
func (db *File) Usable(ctx context.Context) error {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}

// WithFile calls f with the file of the system, which is not replaced meanwhile.
func (db *File) WithFile(f func(*os.File) error) error {
	db.use.RLock()
	defer db.use.RUnlock()
	return f(db.file)
}

// Close waits for edits under way and closes the file. The error of a second call is
// store.ErrClosed.
func (db *File) Close() error {
	db.mu.Lock()
	already := db.closed
	db.closed = true
	db.mu.Unlock()
	if already {
		return store.ErrClosed
	}
	close(db.edits)
	<-db.done
	if !db.reclaim.pending && (db.written || !db.closedOK) {
		db.closeInOrder() // else the next opening takes longer
	}
	return db.db.Close()
}

// closeInOrder writes the list and the note. Where that fails, the next opening takes longer.
func (db *File) closeInOrder() {
	if db.degraded.Load() || db.opts.ReadOnly {
		return
	}
	db.db.NoFreelistSync = false
	err := db.Reading(func() error { return db.db.Update(func(*bbolt.Tx) error { return nil }) })
	info, err2 := db.file.Stat()
	if err != nil || err2 != nil {
		return
	}
	file, err := pages.Open(db.file, info.Size())
	if err != nil {
		return
	}
	meta, _ := file.Newest()
	note, at, err := file.ClosedNote(meta)
	if err != nil {
		return
	}
	if err := db.writeAt(db.file, note, at); err == nil {
		_ = db.sync(db.file)
	}
}

// View runs a read, in any goroutine. The error is one of the contract where bbolt has one for it.
func (db *File) View(ctx context.Context, read func(*Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.use.RLock()
	defer db.use.RUnlock()
	err := db.Reading(func() error {
		return db.db.View(func(b *bbolt.Tx) error {
			tx := db.over(b)
			return tx.Explain(db.contain(func() error { return read(tx) }))
		})
	})
	db.unread.Note(err)
	return Adapt(err)
}

// RawView runs a read before Start, or of the writer.
func (db *File) RawView(read func(*RawTx) error) error {
	return db.Reading(func() error { return db.db.View(read) })
}

// RawChange runs an edit before Start.
func (db *File) RawChange(change func(*RawTx) error) error {
	db.written = true
	return db.Reading(func() error { return db.db.Update(change) })
}

// Look runs a read before Start, or of the writer. The pages are looked at before they are used.
func (db *File) Look(read func(*Tx) error) error {
	return db.RawView(func(b *RawTx) error { return read(db.over(b)) })
}

// Change runs an edit as a transaction of its own, before Start, or of the writer.
func (db *File) Change(change func(*Tx) error) error {
	db.written = true
	return db.Reading(func() error {
		b, err := db.db.Begin(true)
		if err != nil {
			return err
		}
		defer func() { _ = b.Rollback() }() // of what was not committed
		tx := db.over(b)
		if err := change(tx); err != nil {
			return err
		}
		return db.hooks.Commit(tx, tx.Commit)
	})
}

// Free is how many bytes of the file are free pages.
func (db *File) Free() int64 {
	return int64(db.db.Stats().FreePageN) * int64(db.db.Info().PageSize)
}

// Adapt turns the errors of bbolt and of the system into those of the contract.
func Adapt(err error) error {
	if err == nil {
		return nil
	}
	for from, to := range map[error]error{
		bolterrors.ErrTimeout:         store.ErrLocked,
		bolterrors.ErrDatabaseNotOpen: store.ErrClosed,
		bolterrors.ErrMaxSizeReached:  store.ErrFull,
		syscall.ENOSPC:                store.ErrFull,
		syscall.EDQUOT:                store.ErrFull,
		syscall.EFBIG:                 store.ErrFull, // a limit of the process or the file system
		bolterrors.ErrInvalid:         store.ErrCorrupt,
		bolterrors.ErrChecksum:        store.ErrCorrupt,
		bolterrors.ErrVersionMismatch: store.ErrCorrupt,
	} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return err
}
