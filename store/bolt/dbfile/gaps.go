package dbfile

import (
	"bytes"
	"slices"

	"lwbs/store/bolt/pages"
)

// Gaps are the parts of buckets that were on damaged pages or were cut off, by bucket. What indexes had
// there follows from the records; until they are read it is unknown.
type Gaps map[string][]pages.LostIn

// gapsOf are those of buckets that are cut off, among what is lost.
func gapsOf(lost []pages.LostIn, cutOff map[string]bool) Gaps {
	g := make(Gaps)
	for _, l := range lost {
		if cutOff[l.Bucket] {
			g[l.Bucket] = append(g[l.Bucket], l)
		}
	}
	return g
}

// At is the part that a key lay in, if any.
func (g Gaps) At(bucket string, key []byte) (l pages.LostIn, found bool) {
	i := slices.IndexFunc(g[bucket], func(l pages.LostIn) bool {
		return (l.From == nil || bytes.Compare(key, l.From) >= 0) && (l.To == nil || bytes.Compare(key, l.To) < 0)
	})
	if i < 0 {
		return pages.LostIn{}, false
	}
	return g[bucket][i], true
}

// Of reports whether any of some indexes has a gap.
func (g Gaps) Of(indexes [][]byte) bool {
	return slices.ContainsFunc(indexes, func(name []byte) bool { return len(g[string(name)]) > 0 })
}

// Gaps are those that are not filled yet.
func (db *File) Gaps() Gaps { return *db.gaps.Load() }

// Filled says that the indexes have again what they had in the gaps.
func (db *File) Filled() {
	g := db.Gaps()
	db.gaps.Store(&Gaps{})
	for _, lost := range g {
		for _, l := range lost {
			if db.hooks.Indexes[l.Bucket] {
				db.unread.Forget(Damaged(l.Bucket, "", l.Err))
			}
		}
	}
}
