package bolt

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/osfile"
)

// runSuffix is behind the name of the database in that of its run file.
const runSuffix = ".run"

// A run tells whether the associations in a database are the newest ones that there ever
// were of it, so that they may go on. For that each edit of associations counts, in the
// database and then in a small file beside it: a database that is behind that file is an
// older copy. A copy that is somewhere else has no such file, or is another file for the
// system than the one that it notes of itself; both are told by what is in the mark.
//
// A file system or machine that was set back as a whole cannot be told; see
// docs/operations.md.
type run struct {
	mu   sync.Mutex
	mark runMark  // guarded by mu; the last one that the run file has
	file *os.File // guarded by mu; nil before ResumeAssociations, after VoidAssociations and at the end
	void bool     // guarded by mu; all that is kept
}

// A runMark is how far edits of associations have come. The zero one is none.
type runMark struct {
	lineage [16]byte // random; another one since associations were removed for a reason
	count   uint64   // of edits
	place   string   // what the system calls the database file; in the database only
}

// voidCount is a count that no database reaches.
const voidCount = math.MaxUint64

// resumed reports whether associations are kept.
func (r *run) resumed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file != nil
}

// next is the mark of the edit that tx is.
func (r *run) next(tx *transaction) (runMark, error) {
	r.mu.Lock()
	lineage, ok := r.mark.lineage, r.file != nil
	r.mu.Unlock()
	m := markIn(tx)
	if m.lineage != lineage || !ok {
		return runMark{}, store.ErrVoid
	}
	m.count++
	return m, nil
}

// reached notes that the database has a mark. Where the run file cannot be written, it tells
// less about copies that are older than this edit.
func (r *run) reached(m runMark) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file != nil && m.lineage == r.mark.lineage && m.count > r.mark.count {
		r.mark = m
		_, _ = r.file.WriteAt(m.encode(), 0)
	}
}

func (r *run) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return nil
	}
	f := r.file
	r.file = nil
	return errors.Join(f.Sync(), f.Close())
}

// ResumeAssociations implements [store.Associations].
func (db *DB) ResumeAssociations(ctx context.Context) (lost int, why string, err error) {
	if db.run.resumed() {
		return 0, "", nil
	}
	if lost, why, err = db.resume(ctx); err != nil {
		return 0, "", fmt.Errorf("resume associations: %w", err)
	}
	return lost, why, nil
}

func (db *DB) resume(ctx context.Context) (lost int, why string, err error) {
	var place string
	err = db.file.WithFile(func(f *os.File) (err error) {
		place, err = osfile.PlaceOf(f)
		return err
	})
	if err != nil {
		return 0, "", err
	}
	var in runMark
	var n uint64
	err = db.view(ctx, func(tx *transaction) error {
		in, n = markIn(tx), count(tx, keyAssociations)
		return nil
	})
	if err != nil {
		return 0, "", err
	}
	beside, err := os.ReadFile(db.path + runSuffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, "", err
	}
	out, ok := decodeMark(beside)
	switch {
	case n == 0: // nothing is lost
	case !ok:
		why = "its file " + filepath.Base(db.path) + runSuffix + " is missing, so that it may be a copy"
	case out.count == voidCount && out.lineage == in.lineage:
		why = "they could not be kept up to date, as the disk was full or failing"
	case out.lineage != in.lineage, out.count > in.count:
		why = "it is older than " + filepath.Base(db.path) + runSuffix + ", as a backup is that was put in its place"
	case in.place != place:
		why = "it is a copy: the file is another one than it was"
	default:
		in.count++
		if err := db.setMark(ctx, in); err != nil {
			return 0, "", err
		}
		return 0, "", db.run.goOn(db.path+runSuffix, in)
	}
	fresh := runMark{count: 1, place: place}
	rand.Read(fresh.lineage[:]) // never fails
	if err := db.dropAssociations(ctx); err != nil {
		return 0, "", err
	}
	if err := db.setMark(ctx, fresh); err != nil {
		return 0, "", err
	}
	return int(n), why, db.run.begin(db.path+runSuffix, fresh)
}

// maxDropped is how many associations one edit removes.
const maxDropped = 1000

// dropAssociations removes all associations.
func (db *DB) dropAssociations(ctx context.Context) error {
	for left := uint64(1); left > 0; {
		err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
			failed = dropOldest(tx, maxDropped)
			left = count(tx, keyAssociations)
			return nil, failed
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// setMark puts a mark into the database.
func (db *DB) setMark(ctx context.Context, m runMark) error {
	return db.edit(ctx, func(tx *transaction) (refused, failed error) { return nil, setMark(tx, m) })
}

// begin writes the run file, whole or not at all, and lets associations be kept from then on.
func (r *run) begin(name string, m runMark) error {
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

// goOn is begin with the run file that there is, which is written in place: that takes no room
// on the disk.
func (r *run) goOn(name string, m runMark) error {
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

// VoidAssociations implements [store.Associations]. It overwrites the run file in place, which
// takes no room, or removes it.
func (db *DB) VoidAssociations() error {
	r := &db.run
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.void:
		return nil
	case r.file == nil:
		return fmt.Errorf("void associations: %w", store.ErrVoid)
	}
	void := r.mark
	void.count = voidCount
	_, err := r.file.WriteAt(void.encode(), 0)
	if err = errors.Join(err, r.file.Sync()); err != nil {
		if removed := errors.Join(os.Remove(db.path+runSuffix), store.SyncDir(filepath.Dir(db.path))); removed != nil {
			return fmt.Errorf("void associations: %w", errors.Join(err, removed))
		}
	}
	f := r.file
	r.file, r.void = nil, true
	_ = f.Close() // what counts is on disk
	return nil
}

// markIn is the mark in the database; zero for none that can be read.
func markIn(tx *transaction) (m runMark) {
	b := tx.Bucket(bucketMeta).Get(keyRun)
	if len(b) < len(m.lineage)+8 {
		return runMark{}
	}
	copy(m.lineage[:], b)
	m.count = binary.BigEndian.Uint64(b[len(m.lineage):])
	m.place = string(b[len(m.lineage)+8:])
	return m
}

func setMark(tx *transaction, m runMark) error {
	b := binary.BigEndian.AppendUint64(bytes.Clone(m.lineage[:]), m.count)
	return tx.Bucket(bucketMeta).Put(keyRun, append(b, m.place...))
}

// runFormat is what the run file has, always of the same length so that it can be written
// in place.
const runFormat = "lwbs-run 1\n%x %020d\n# It tells whether the DTLS associations in the database may go on. Do not copy or restore it.\n"

func (m runMark) encode() []byte { return fmt.Appendf(nil, runFormat, m.lineage, m.count) }

// decodeMark reads what encode wrote, and reports whether that was all.
func decodeMark(b []byte) (m runMark, ok bool) {
	var lineage string
	if _, err := fmt.Sscanf(string(b), "lwbs-run 1\n%s %d\n", &lineage, &m.count); err != nil {
		return runMark{}, false
	}
	raw, err := hex.DecodeString(lineage)
	if err != nil || len(raw) != len(m.lineage) {
		return runMark{}, false
	}
	copy(m.lineage[:], raw)
	return m, bytes.Equal(b, m.encode())
}
