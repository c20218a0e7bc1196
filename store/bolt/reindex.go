package bolt

import (
	"bytes"
	"errors"
	"slices"

	"lwbs/store/bolt/dbfile"
	"lwbs/store/rows"
)

const (
	reindexRows    = 10_000 // records that are read in one transaction
	reindexEntries = 5000   // entries that are put in one
)

// fill puts the entries into the gaps of the indexes again that the records have, and takes
// out those of sessions that are lost. It is for the writer, or for before there is one. Where
// it fails, such as over a full disk, the parts stay unreadable, and the next opening tries
// again.
//
// A crash in the middle leaves the file sound but for entries of sessions that were cut off. There
// is a mark of that from before until the end; the next opening says then that it was interrupted,
// and such entries are looked for in all indexes.
func (db *DB) fill(interrupted bool) error {
	g := db.file.Gaps()
	if len(g) == 0 && !interrupted {
		return nil
	}
	errs := []error{db.markHealing(true)}
	if g.Of(ofDevices) {
		errs = append(errs, db.fillFrom(g, bucketDevice, func(row []byte) []indexEntry {
			d, _ := rows.DecodeDevice(nil, row)
			return indexEntries(d)
		}))
	}
	if g.Of(ofSessions) {
		errs = append(errs, db.fillFrom(g, bucketSession, func(row []byte) []indexEntry {
			s, err := rows.DecodeSession(row)
			if err != nil {
				return nil
			}
			return sessionEntries(s)
		}))
	}
	if interrupted || g.Of(ofSessions) || g.Of([][]byte{bucketSession}) {
		errs = append(errs, db.dropLost(func(id []byte) bool {
			_, gone := g.At(string(bucketSession), id)
			return interrupted || gone
		}))
	}
	errs = append(errs, db.recount())
	if errors.Join(errs...) == nil {
		errs = append(errs, db.markHealing(false))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	db.file.Filled()
	return nil
}

// dropLost takes the entries of sessions that are lost out of the indexes: those without a record
// of which mayBe says that they may be lost.
func (db *DB) dropLost(mayBe func(id []byte) bool) error {
	for _, index := range ofSessions {
		var lost [][]byte
		err := db.look(func(tx *transaction) error {
			tx.Bucket(index).Ascend(nil, func(key, _ []byte) bool {
				id := key[bytes.LastIndexByte(key, 0)+1:]
				if mayBe(id) && tx.Bucket(bucketSession).Get(id) == nil {
					lost = append(lost, bytes.Clone(key))
				}
				return true
			})
			return nil
		})
		for part := range slices.Chunk(lost, reindexEntries) {
			err = errors.Join(err, db.changeIndex(func(tx *transaction) (err error) {
				for _, key := range part {
					err = errors.Join(err, tx.Bucket(index).Delete(key))
				}
				return err
			}))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// recount sets the counts of buckets that may have been cut to what there is.
func (db *DB) recount() error {
	return db.changeIndex(func(tx *transaction) (err error) {
		for key, bucket := range counted {
			if !cutOff[string(bucket)] {
				continue
			}
			n := uint64(0)
			tx.Bucket(bucket).Ascend(nil, func(_, _ []byte) bool {
				n++
				return true
			})
			if n != count(tx, []byte(key)) {
				err = errors.Join(err, setCount(tx, []byte(key), n))
			}
		}
		return errors.Join(err, recountOutbox(tx))
	})
}

// fillFrom does so from the records of one kind.
func (db *DB) fillFrom(g dbfile.Gaps, kind []byte, entries func(row []byte) []indexEntry) error {
	var found []indexEntry
	for after, more := []byte(nil), true; more; {
		err := db.look(func(tx *transaction) error {
			n := 0
			more = false
			tx.Bucket(kind).Ascend(after, func(key, row []byte) bool {
				for _, e := range entries(row) {
					if _, in := g.At(e.bucket, []byte(e.key)); in {
						found = append(found, e)
					}
				}
				after = append(append(after[:0], key...), 0)
				n++
				more = n >= reindexRows || len(found) >= reindexEntries
				return !more
			})
			return nil
		})
		if err == nil && (len(found) >= reindexEntries || !more) {
			err = db.putEntries(found)
			found = found[:0]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putEntries puts those entries that are missing.
func (db *DB) putEntries(entries []indexEntry) error {
	if len(entries) == 0 {
		return nil
	}
	slices.SortFunc(entries, func(a, b indexEntry) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	return db.changeIndex(func(tx *transaction) error {
		for _, e := range entries {
			if index := tx.Bucket([]byte(e.bucket)); index.Get([]byte(e.key)) == nil {
				if err := index.Put([]byte(e.key), []byte(e.value)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// heal is [dbfile.Hooks].Heal.
func (db *DB) heal(reopen func() bool) bool {
	if db.markHealing(true) != nil { // a crash that follows leaves entries of sessions that are cut off
		return false
	}
	if !reopen() {
		_ = db.markHealing(false)
		return false
	}
	return db.fill(false) == nil
}

// markHealing notes in the database that it is healed, or that this has ended.
func (db *DB) markHealing(on bool) error {
	return db.changeIndex(func(tx *transaction) error {
		if on {
			return tx.Bucket(bucketMeta).Put(keyHealing, present)
		}
		return tx.Bucket(bucketMeta).Delete(keyHealing)
	})
}

// isHealing reports whether that was noted.
func (db *DB) isHealing() (on bool) {
	_ = db.look(func(tx *transaction) error {
		on = tx.Bucket(bucketMeta).Get(keyHealing) != nil
		return nil
	})
	return on
}
