package bolt

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

// Gaps are the parts of indexes that lay on damaged pages, by bucket, and that were cut off:
// the records tell what was there.
type gaps map[string][]pages.LostIn

// gapsOf are those among what is lost.
func gapsOf(lost []pages.LostIn) gaps {
	g := make(gaps)
	for _, l := range lost {
		if ofIndexes[l.Bucket] {
			g[l.Bucket] = append(g[l.Bucket], l)
		}
	}
	return g
}

// has reports whether an entry lay in a gap.
func (g gaps) has(e indexEntry) bool {
	return slices.ContainsFunc(g[e.bucket], func(l pages.LostIn) bool {
		key := []byte(e.key)
		return (l.From == nil || bytes.Compare(key, l.From) >= 0) && (l.To == nil || bytes.Compare(key, l.To) < 0)
	})
}

// of reports whether any of some indexes has a gap.
func (g gaps) of(indexes [][]byte) bool {
	return slices.ContainsFunc(indexes, func(name []byte) bool { return len(g[string(name)]) > 0 })
}

const (
	reindexRows    = 10_000 // records that are read in one transaction
	reindexEntries = 5000   // entries that are put in one
)

// fill puts the entries into the gaps again that the records have. It is for the writer, or
// for before there is one.
func (db *DB) fill(g gaps) error {
	var errs []error
	if g.of(ofDevices) {
		errs = append(errs, db.fillFrom(g, bucketDevice, func(row []byte) []indexEntry {
			d, _ := store.DecodeDevice(nil, row)
			return slices.Collect(maps.Keys(indexEntries(d)))
		}))
	}
	if g.of(ofSessions) {
		errs = append(errs, db.fillFrom(g, bucketSession, func(row []byte) []indexEntry {
			s, err := store.DecodeSession(row)
			if err != nil {
				return nil
			}
			return sessionEntries(s)
		}))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, lost := range g {
		for _, l := range lost {
			db.unread.forget(damaged(l.Bucket, "", l.Err))
		}
	}
	return nil
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
						if g.has(e) {
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
	db.written = true
	return db.reading(func() error {
		return db.db.Update(func(b *bbolt.Tx) error {
			tx := db.over(b)
			for _, e := range entries {
				if index := tx.Bucket([]byte(e.bucket)); index.Get([]byte(e.key)) == nil {
					if err := index.Put([]byte(e.key), []byte(e.value)); err != nil {
						return err
					}
				}
			}
			return nil
		})
	})
}
