package runfile

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sync"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
)

// Suffix is behind the name of the database in that of its run file.
const Suffix = ".run"

// A Run tells whether the associations in a database are the newest ones that there ever
// were of it, so that they may go on. For that each edit of associations counts, in the
// database and then in a small file beside it: a database that is behind that file is an
// older copy. A copy that is somewhere else has no such file, or is another file for the
// system than the one that it notes of itself; both are told by what is in the mark.
//
// A file system or machine that was set back as a whole cannot be told; see
// docs/operations.md.
type Run struct {
	mu   sync.Mutex
	mark Mark     // guarded by mu; the last one that the run file has
	file *os.File // guarded by mu; nil before ResumeAssociations, after VoidAssociations and at the end
	void bool     // guarded by mu; all that is kept
}

// A Mark is how far edits of associations have come. The zero one is none.
type Mark struct {
	Lineage [16]byte // random; another one since associations were removed for a reason
	Count   uint64   // of edits
	Place   string   // what the system calls the database file; in the database only
}

// VoidCount is a count that no database reaches.
const VoidCount = math.MaxUint64

// Resumed reports whether associations are kept.
func (r *Run) Resumed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file != nil
}

// Next is the mark of an edit of a database that has m. Its error is store.ErrVoid.
func (r *Run) Next(m Mark) (Mark, error) {
	r.mu.Lock()
	lineage, ok := r.mark.Lineage, r.file != nil
	r.mu.Unlock()
	if m.Lineage != lineage || !ok {
		return Mark{}, store.ErrVoid
	}
	m.Count++
	return m, nil
}

// Reached notes that the database has a mark. Where the run file cannot be written, it tells
// less about copies that are older than this edit.
func (r *Run) Reached(m Mark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil && m.Lineage == r.mark.Lineage && m.Count > r.mark.Count {
		r.mark = m
		_, _ = r.file.WriteAt(m.encode(), 0)
	}
}

// Close closes the run file.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return errors.Join(f.Sync(), f.Close())
}

// Begin writes the run file, whole or not at all, and lets associations be kept from then on.
func (r *Run) Begin(name string, m Mark) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh := name + ".new"
	f, err := os.OpenFile(fresh, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(m.encode())
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(fresh, name)
	}
	if err == nil {
		err = store.SyncDir(filepath.Dir(name))
	}
	if err == nil {
		f, err = os.OpenFile(name, os.O_RDWR, 0)
	}
	if err != nil {
		return errors.Join(err, dbfile.RemoveIfAny(fresh))
	}
	r.file, r.mark, r.void = f, m, false
	return nil
}

// GoOn is Begin with the run file that there is, which is written in place: that takes no room
// on the disk.
func (r *Run) GoOn(name string, m Mark) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(m.encode(), 0)
	if err = errors.Join(err, f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	r.file, r.mark, r.void = f, m, false
	return nil
}

// Void overwrites the run file, of this name, in place, so that nothing resumes. That takes no room; where it
// fails, the file is removed. Error: store.ErrVoid where there is none.
func (r *Run) Void(name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.void:
		return nil
	case r.file == nil:
		return store.ErrVoid
	}
	void := r.mark
	void.Count = VoidCount
	_, err := r.file.WriteAt(void.encode(), 0)
	if err = errors.Join(err, r.file.Sync()); err != nil {
		if removed := errors.Join(os.Remove(name), store.SyncDir(filepath.Dir(name))); removed != nil {
			return errors.Join(err, removed)
		}
	}
	f := r.file
	r.file, r.void = nil, true
	_ = f.Close() // what counts is on disk
	return nil
}

// runFormat is what the run file has, always of the same length so that it can be written
// in place.
const runFormat = "lwbs-run 1\n%x %020d\n# It tells whether the DTLS associations in the database may go on. Do not copy or restore it.\n"

func (m Mark) encode() []byte { return fmt.Appendf(nil, runFormat, m.Lineage, m.Count) }

// Decode reads what encode wrote, and reports whether that was all.
func Decode(b []byte) (m Mark, ok bool) {
	var lineage string
	if _, err := fmt.Sscanf(string(b), "lwbs-run 1\n%s %d\n", &lineage, &m.Count); err != nil {
		return Mark{}, false
	}
	raw, err := hex.DecodeString(lineage)
	if err != nil || len(raw) != len(m.Lineage) {
		return Mark{}, false
	}
	copy(m.Lineage[:], raw)
	return m, bytes.Equal(b, m.encode())
}

// File is the open run file, for tests.
func (r *Run) File() *os.File { return r.file }
