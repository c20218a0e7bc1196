package bolt

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/osfile"
	"lwbs/store/bolt/runfile"
	"lwbs/store/rows"
)

var _ store.Associations = (*DB)(nil)

// KeepAssociations implements [store.Associations].
func (db *DB) KeepAssociations(ctx context.Context, put []store.Association, ended []store.AssociationKey) error {
	if err := db.keepAssociations(ctx, put, ended); err != nil {
		return fmt.Errorf("keep associations: %w", err)
	}
	return nil
}

func (db *DB) keepAssociations(ctx context.Context, put []store.Association, ended []store.AssociationKey) error {
	if !db.run.Resumed() {
		return store.ErrVoid
	}
	encoded := make([][]byte, len(put))
	for i, a := range put {
		var err error
		if encoded[i], err = rows.EncodeAssociation(db.keyring, a); err != nil {
			return err
		}
	}
	var mark runfile.Mark
	err := db.edit(ctx, func(tx *transaction) (refused, failed error) {
		if mark, refused = db.run.Next(markIn(tx)); refused != nil {
			return refused, nil
		}
		return nil, errors.Join(
			editAssociations(tx, put, encoded, ended),
			setMark(tx, mark),
			db.pruneAssociations(tx))
	})
	if err != nil {
		return err
	}
	db.run.Reached(mark)
	return nil
}

// editAssociations removes those of ended, and puts put, as encoded.
func editAssociations(tx *transaction, put []store.Association, encoded [][]byte, ended []store.AssociationKey) error {
	b, n := tx.Bucket(bucketAssociation), count(tx, keyAssociations)
	b.FillPercent = dbfile.CopyFill // those heard of last come last
	for _, key := range ended {
		if b.Get(key.Bytes()) == nil {
			continue
		}
		if err := b.Delete(key.Bytes()); err != nil {
			return err
		}
		n--
	}
	for i, a := range put {
		if b.Get(a.Bytes()) == nil {
			n++
		}
		if err := b.Put(a.Bytes(), encoded[i]); err != nil {
			return err
		}
	}
	return setCount(tx, keyAssociations, n)
}

// pruneAssociations removes those heard of least recently, above the limit.
func (db *DB) pruneAssociations(tx *transaction) error {
	limit := uint64(db.opts.Associations)
	return dropOldest(tx, int(max(count(tx, keyAssociations), limit)-limit))
}

// dropOldest removes n associations, those heard of least recently.
func dropOldest(tx *transaction, n int) error {
	if n == 0 {
		return nil
	}
	left := count(tx, keyAssociations)
	var keys [][]byte
	tx.Bucket(bucketAssociation).Ascend(nil, func(k, _ []byte) bool {
		keys = append(keys, bytes.Clone(k))
		return len(keys) < n
	})
	for _, key := range keys {
		if err := tx.Bucket(bucketAssociation).Delete(key); err != nil {
			return err
		}
	}
	return setCount(tx, keyAssociations, max(left, uint64(len(keys)))-uint64(len(keys)))
}

// Associations implements [store.Associations].
func (db *DB) Associations(ctx context.Context, before store.AssociationKey, limit int) (page []store.Association, err error) {
	limit = pageLimit(limit)
	var from []byte
	if !before.IsZero() {
		from = before.Bytes()
	}
	err = db.view(ctx, func(tx *transaction) error {
		var failed error
		tx.Bucket(bucketAssociation).Descend(from, func(key, row []byte) bool {
			a, err := rows.DecodeAssociation(db.keyring, row)
			if err == nil && !bytes.Equal(a.Bytes(), key) {
				err = fmt.Errorf("%w: it is of %v", store.ErrCorrupt, a.AssociationKey)
			}
			switch {
			case err == nil:
				page = append(page, a)
			case !errors.Is(err, store.ErrNoKey) && !db.skips(unreadable(bucketAssociation, fmt.Sprintf("%x", key), err)):
				failed = err
			}
			return failed == nil && len(page) < limit && ctx.Err() == nil
		})
		return errors.Join(failed, ctx.Err())
	})
	if err != nil {
		return nil, fmt.Errorf("list associations: %w", err)
	}
	return page, nil
}

// ResumeAssociations implements [store.Associations].
func (db *DB) ResumeAssociations(ctx context.Context) (lost int, why string, err error) {
	if db.run.Resumed() {
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
	var in runfile.Mark
	var n uint64
	err = db.view(ctx, func(tx *transaction) error {
		in, n = markIn(tx), count(tx, keyAssociations)
		return nil
	})
	if err != nil {
		return 0, "", err
	}
	beside, err := os.ReadFile(db.path + runfile.Suffix)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, "", err
	}
	out, ok := runfile.Decode(beside)
	switch {
	case n == 0: // nothing is lost
	case !ok:
		why = "its file " + filepath.Base(db.path) + runfile.Suffix + " is missing, so that it may be a copy"
	case out.Count == runfile.VoidCount && out.Lineage == in.Lineage:
		why = "they could not be kept up to date, as the disk was full or failing"
	case out.Lineage != in.Lineage, out.Count > in.Count:
		why = "it is older than " + filepath.Base(db.path) + runfile.Suffix + ", as a backup is that was put in its place"
	case in.Place != place:
		why = "it is a copy: the file is another one than it was"
	default:
		in.Count++
		if err := db.setMark(ctx, in); err != nil {
			return 0, "", err
		}
		return 0, "", db.run.GoOn(db.path+runfile.Suffix, in)
	}
	fresh := runfile.Mark{Count: 1, Place: place}
	rand.Read(fresh.Lineage[:]) // never fails
	if err := db.dropAssociations(ctx); err != nil {
		return 0, "", err
	}
	if err := db.setMark(ctx, fresh); err != nil {
		return 0, "", err
	}
	return int(n), why, db.run.Begin(db.path+runfile.Suffix, fresh)
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
func (db *DB) setMark(ctx context.Context, m runfile.Mark) error {
	return db.edit(ctx, func(tx *transaction) (refused, failed error) { return nil, setMark(tx, m) })
}

// VoidAssociations implements [store.Associations].
func (db *DB) VoidAssociations() error {
	if err := db.run.Void(db.path + runfile.Suffix); err != nil {
		return fmt.Errorf("void associations: %w", err)
	}
	return nil
}

// markIn is the mark in the database; zero for none that can be read.
func markIn(tx *transaction) (m runfile.Mark) {
	b := tx.Bucket(bucketMeta).Get(keyRun)
	if len(b) < len(m.Lineage)+8 {
		return runfile.Mark{}
	}
	copy(m.Lineage[:], b)
	m.Count = binary.BigEndian.Uint64(b[len(m.Lineage):])
	m.Place = string(b[len(m.Lineage)+8:])
	return m
}

func setMark(tx *transaction, m runfile.Mark) error {
	b := binary.BigEndian.AppendUint64(bytes.Clone(m.Lineage[:]), m.Count)
	return tx.Bucket(bucketMeta).Put(keyRun, append(b, m.Place...))
}
