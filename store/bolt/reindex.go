package bolt

import (
	"bytes"
	"errors"
	"slices"

	"go.etcd.io/bbolt"

	"lwbs/store/bolt/pages"
	"lwbs/store/rows"
)

// Gaps are the parts of buckets that were on damaged pages or were cut off, by bucket. What indexes had
// there follows from the records; until they are read it is unknown.
type gaps map[string][]pages.LostIn

// gapsOf are those among what is lost.
func gapsOf(lost []pages.LostIn) gaps {
	g := make(gaps)
	for _, l := range lost {
		if cutOff[l.Bucket] {
			g[l.Bucket] = append(g[l.Bucket], l)
		}
	}
	return g
}

// at is the part that a key lay in, if any.
func (g gaps) at(bucket string, key []byte) (l pages.LostIn, found bool) {
	i := slices.IndexFunc(g[bucket], func(l pages.LostIn) bool {
		return (l.From == nil || bytes.Compare(key, l.From) >= 0) && (l.To == nil || bytes.Compare(key, l.To) < 0)
	})
	if i < 0 {
		return pages.LostIn{}, false
	}
	return g[bucket][i], true
}

// of reports whether any of some indexes has a gap.
func (g gaps) of(indexes [][]byte) bool {
	return slices.ContainsFunc(indexes, func(name []byte) bool { return len(g[string(name)]) > 0 })
}

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
	g := *db.gaps.Load()
	if len(g) == 0 && !interrupted {
		return nil
	}
	errs := []error{db.markHealing(true)}
	if g.of(ofDevices) {
		errs = append(errs, db.fillFrom(g, bucketDevice, func(row []byte) []indexEntry {
			d, _ := rows.DecodeDevice(nil, row)
			return indexEntries(d)
		}))
	}
	if g.of(ofSessions) {
		errs = append(errs, db.fillFrom(g, bucketSession, func(row []byte) []indexEntry {
			s, err := rows.DecodeSession(row)
			if err != nil {
				return nil
			}
			return sessionEntries(s)
		}))
	}
	if interrupted || g.of(ofSessions) || g.of([][]byte{bucketSession}) {
		errs = append(errs, db.dropLost(func(id []byte) bool {
			_, gone := g.at(string(bucketSession), id)
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
	db.gaps.Store(&gaps{})
	for _, lost := range g {
		for _, l := range lost {
			if ofIndexes[l.Bucket] {
				db.unread.Forget(damaged(l.Bucket, "", l.Err))
			}
		}
	}
	return nil
}

// dropLost takes the entries of sessions that are lost out of the indexes: those without a record
// of which mayBe says that they may be lost.
func (db *DB) dropLost(mayBe func(id []byte) bool) error {
	for _, index := range ofSessions {
		var lost [][]byte
		err := db.reading(func() error {
			return db.db.View(func(b *bbolt.Tx) error {
				tx := db.over(b)
				tx.Bucket(index).ascend(nil, func(key, _ []byte) bool {
					id := key[bytes.LastIndexByte(key, 0)+1:]
					if mayBe(id) && tx.Bucket(bucketSession).Get(id) == nil {
						lost = append(lost, bytes.Clone(key))
					}
					return true
				})
				return nil
			})
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
			tx.Bucket(bucket).ascend(nil, func(_, _ []byte) bool {
				n++
				return true
			})
			if n != count(tx, []byte(key)) {
				err = errors.Join(err, setCount(tx, []byte(key), n))
			}
		}
		return err
	})
}

// changeIndex is a transaction of its own.
func (db *DB) changeIndex(change func(*transaction) error) error {
	db.written = true
	return db.reading(func() error {
		b, err := db.db.Begin(true)
		if err != nil {
			return err
		}
		defer func() { _ = b.Rollback() }() // of what was not committed
		tx := db.over(b)
		if err := change(tx); err != nil {
			return err
		}
		return tx.commit(tx.Commit)
	})
}

// fillFrom does so from the records of one kind.
func (db *DB) fillFrom(g gaps, kind []byte, entries func(row []byte) []indexEntry) error {
	var found []indexEntry
	for after, more := []byte(nil), true; more; {
		err := db.reading(func() error {
			return db.db.View(func(b *bbolt.Tx) error {
				rows := 0
				more = false
				db.over(b).Bucket(kind).ascend(after, func(key, row []byte) bool {
					for _, e := range entries(row) {
						if _, in := g.at(e.bucket, []byte(e.key)); in {
							found = append(found, e)
						}
					}
					after = append(append(after[:0], key...), 0)
					rows++
					more = rows >= reindexRows || len(found) >= reindexEntries
					return !more
				})
				return nil
			})
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
