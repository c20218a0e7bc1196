package bolt

import (
	"bytes"
	"cmp"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"lwbs/store"
	"lwbs/store/bolt/pages"
	"lwbs/store/rows"
)

// A version of a record is one that a page has to which nothing refers.
type version struct {
	page     uint64
	element  int
	revision store.Revision
	at       time.Time
}

// row reads the record again; nil where that fails.
func (v version) row(s *salvager) (row []byte) {
	s.file.Elements(v.page, func(i int, _, value []byte) bool {
		if i == v.element {
			row = bytes.Clone(value)
		}
		return row == nil
	})
	return row
}

// newer reports whether v is a later version of the same record than other.
func (v version) newer(other version) bool {
	if v.revision != other.revision {
		return v.revision > other.revision
	}
	return v.at.After(other.at)
}

// find finds the trees of the database, what is lost of them, and records on pages that are
// in none.
func (s *salvager) find(f *os.File, size int64) error {
	file, err := pages.Open(f, size)
	s.file, s.end = file, file.Pages()
	if err != nil {
		s.damage("%v", err)
	}
	for page := range 2 {
		if wrong := file.Wrong(page); err == nil && wrong != nil {
			s.damage("%v", wrong)
		}
	}
	if meta, ok := file.Newest(); ok {
		s.end = min(meta.End, file.Pages())
		if lacks := file.Lacks(meta); lacks > 0 {
			s.damage("the file has %d bytes, and %d more belong to it: it was cut", size, lacks)
		}
		survey, complete := file.Survey(meta, func(uint64) bool { return s.ctx.Err() == nil })
		if !complete {
			return s.ctx.Err()
		}
		s.survey = survey
	}
	if s.survey == nil || len(missing(s.survey.Buckets)) > 0 {
		if s.file = file.Resized(); s.file.PageSize() != file.PageSize() {
			s.damage("the pages have %d bytes, not %d as the meta pages say", s.file.PageSize(), file.PageSize())
		}
		s.end = s.file.Pages()
		s.guess()
	}
	for _, lost := range s.survey.Lost {
		s.damage("%v (bucket %q)", lost.Err, lost.Bucket)
	}
	if err := s.fits(); err != nil {
		return err
	}
	return s.ctx.Err()
}

// maxGuesses is how many trees are looked at where nothing says which is the last.
const maxGuesses = 8

// guess looks for the trees that the database had last, where neither meta tells: each edit
// has left its own. Those that are whole, and that no record in the file is newer than, are
// taken for the last. Without any, the newest version of each record counts, wherever it is.
func (s *salvager) guess() {
	var best *pages.Survey
	var latest horizon
	looked := 0
	s.file.Roots(s.end, func(names pages.Tree) bool {
		if trees, err := names.Trees(); err != nil || len(missing(trees)) > 0 {
			return s.ctx.Err() == nil
		}
		meta := pages.Meta{PageSize: s.file.PageSize(), Root: names.Root, Free: pages.NoFree, End: s.end}
		survey, complete := s.file.Survey(meta, func(uint64) bool { return s.ctx.Err() == nil })
		if complete && len(survey.Lost) == 0 {
			if h := horizonOf(survey); best == nil || h.later(latest) {
				best, latest = survey, h
			}
		}
		looked++
		return complete && looked < maxGuesses
	})
	if best != nil && !s.beyond(best, latest) {
		s.survey = best
		return
	}
	s.survey, s.scattered = &pages.Survey{}, true
	s.damage("nothing tells which pages are in use: the newest version of each record is taken, of deleted ones too")
}

// A horizon is up to when the records of some trees reach.
type horizon struct {
	edited   time.Time                 // the last edit of a device, profile or group
	session  string                    // the last one
	revision map[string]store.Revision // of devices, profiles and groups, by kind 0 name
}

func horizonOf(survey *pages.Survey) horizon {
	h := horizon{revision: make(map[string]store.Revision)}
	for _, kind := range [][]byte{bucketDevice, bucketProfile, bucketGroup, bucketLwM2MServer} {
		survey.Buckets[string(kind)].Ascend(nil, func(key, row []byte) bool {
			if is, v := recordIn(key, row); is != nil {
				h.revision[string(pair(string(kind), string(key)))] = v.revision
				if v.at.After(h.edited) {
					h.edited = v.at
				}
			}
			return true
		}, nil)
	}
	survey.Buckets[string(bucketSession)].Descend(nil, func(k, _ []byte) bool {
		h.session = string(k)
		return false
	}, nil)
	return h
}

// later reports whether h is that of later trees. Of two up to the same edits, those with
// fewer devices are: some were deleted.
func (h horizon) later(other horizon) bool {
	return cmp.Or(h.edited.Compare(other.edited), cmp.Compare(h.session, other.session), cmp.Compare(len(other.revision), len(h.revision))) > 0
}

// beyond reports whether there is a record outside of some trees that they cannot have had.
func (s *salvager) beyond(survey *pages.Survey, h horizon) (found bool) {
	s.unused(survey, func(_ uint64, _ int, key, row []byte) bool {
		switch kind, v := recordIn(key, row); string(kind) {
		case "":
		case store.KindSession:
			found = string(key) > h.session
		default:
			have, there := h.revision[string(pair(string(kind), string(key)))]
			found = v.at.After(h.edited) || there && v.revision > have
		}
		return !found
	})
	return found
}

// unused calls each with all that may be an element of a page that is in no tree, in the order
// of the file, until it returns false: those of older versions of pages, and those of damaged
// ones.
func (s *salvager) unused(survey *pages.Survey, each func(page uint64, element int, key, row []byte) bool) {
	for page, more := uint64(2), true; more && page < s.end && s.ctx.Err() == nil; page++ {
		if survey.Used.Has(page) {
			continue
		}
		s.file.Elements(page, func(i int, key, row []byte) bool {
			more = each(page, i, key, row)
			return more
		})
	}
}

// fits reports ErrNoKey where the sealing key is another one than that of the database.
func (s *salvager) fits() error {
	meta := s.survey.Buckets[string(bucketMeta)]
	if meta.File == nil {
		return nil
	}
	check, err := meta.Get(keyKeyCheck)
	if err != nil || check == nil {
		return nil // the records will tell
	}
	if text, err := s.keyring.Open(check, keyCheckPlace); err == nil && string(text) == keyCheckText {
		return nil
	}
	return store.ErrNoKey
}

// findStray looks for records on pages that nothing refers to. They count where the tree of
// their kind has lost the part where they belong, unless an index that is sound says that
// they were deleted.
func (s *salvager) findStray() {
	s.stray = make(map[string]map[string]version)
	for _, kind := range kinds {
		s.stray[string(kind)] = make(map[string]version)
	}
	failed := 0
	for _, keys := range s.failed {
		failed += len(keys)
	}
	if failed == 0 && len(s.survey.Lost) == 0 && !s.scattered {
		return
	}
	inTree := make(map[uint64]bool) // where a key above a page is damaged, it has others than it should
	for _, l := range s.survey.Lost {
		inTree[l.Err.Page] = true
	}
	s.unused(s.survey, func(page uint64, i int, key, row []byte) bool {
		if kind, v := recordIn(key, row); kind != nil && (inTree[page] || s.lacks(kind, key)) {
			v.page, v.element = page, i
			if have, found := s.stray[string(kind)][string(key)]; !found || v.newer(have) {
				s.stray[string(kind)][string(key)] = v
			}
		}
		return true
	})
	for kind, versions := range s.stray {
		for key, v := range versions {
			if s.deleted([]byte(kind), v) {
				delete(versions, key)
			}
		}
	}
}

// recordIn returns of which kind the record of a key is, nil for none.
func recordIn(key, row []byte) (kind []byte, v version) {
	kind, name, v := record(row)
	if name != string(key) {
		return nil, version{}
	}
	return kind, v
}

// nameIn is the name of a record, empty for none.
func nameIn(row []byte) string {
	_, name, _ := record(row)
	return name
}

// record reads as much of a record of any kind as says what it is.
func record(row []byte) (kind []byte, name string, v version) {
	if !rows.IsRow(row) {
		return nil, "", version{}
	}
	if r, err := rows.DecodeSession(row); err == nil && r.ID != "" { // nothing else has an ID, and it has an endpoint and a profile
		return bucketSession, r.ID, version{at: r.Ended}
	}
	if d, err := rows.DecodeDevice(nil, row); err == nil && d.Endpoint != "" && d.Profile != "" {
		return bucketDevice, string(d.Endpoint), version{revision: d.Revision, at: d.Updated}
	}
	if g, err := rows.DecodeGroup(nil, row); err == nil && g.Name != "" && g.Profile != "" { // a profile has no profile
		return bucketGroup, g.Name, version{revision: g.Revision, at: g.Updated}
	}
	if s, err := rows.DecodeLwM2MServer(nil, row); err == nil && s.Name != "" && s.Kind != "" && s.Address != "" { // a profile has neither
		return bucketLwM2MServer, s.Name, version{revision: s.Revision, at: s.Updated}
	}
	if u, err := rows.DecodeUser(nil, row); err == nil && u.Role != "" { // or a token: a former one must not come back
		return nil, "", version{}
	}
	if p, err := rows.DecodeProfile(row); err == nil && p.Name != "" {
		return bucketProfile, p.Name, version{revision: p.Revision, at: p.Updated}
	}
	return nil, "", version{}
}

// lacks reports whether a key belongs into a part of the tree of its kind that is lost.
func (s *salvager) lacks(kind, key []byte) bool {
	if _, found := s.survey.Buckets[string(kind)]; !found || s.failed[string(kind)][string(key)] {
		return true
	}
	for _, l := range s.survey.Lost {
		if l.Bucket == string(kind) && (l.From == nil || bytes.Compare(key, l.From) >= 0) && (l.To == nil || bytes.Compare(key, l.To) < 0) {
			return true
		}
	}
	return false
}

// deleted reports whether the indexes say that there is no such record any more.
func (s *salvager) deleted(kind []byte, v version) bool {
	if s.scattered {
		return false
	}
	row := v.row(s)
	var entries []indexEntry
	switch {
	case bytes.Equal(kind, bucketDevice):
		d, err := rows.DecodeDevice(nil, row)
		if err != nil {
			return true
		}
		entries = indexEntries(d)
	case bytes.Equal(kind, bucketSession):
		r, err := rows.DecodeSession(row)
		if err != nil {
			return true
		}
		entries = sessionEntries(r)
	default:
		return false
	}
	for _, e := range entries {
		tree, found := s.survey.Buckets[e.bucket]
		if !found {
			return false
		}
		if value, err := tree.Get([]byte(e.key)); err != nil || value != nil && (len(value) == 0 || string(value) == e.value) {
			return false
		}
	}
	return true
}

// tellLost tells of the records that the trees or the indexes have and that are not in the
// new database.
func (s *salvager) tellLost(db *DB) error {
	return db.view(s.ctx, func(tx *transaction) error {
		for _, kind := range kinds {
			lost := s.failed[string(kind)]
			note := func(name string) bool {
				if name != "" && tx.Bucket(kind).Get([]byte(name)) == nil {
					lost[name] = true
				}
				return s.ctx.Err() == nil
			}
			for name := range lost {
				if tx.Bucket(kind).Get([]byte(name)) != nil {
					delete(lost, name)
				}
			}
			switch string(kind) {
			case store.KindLwM2MServer:
				tx.Bucket(bucketProfile).Ascend(nil, func(_, row []byte) bool {
					p, _ := rows.DecodeProfile(row)
					for _, a := range p.Accounts {
						for _, name := range a.ServerNames() {
							note(name)
						}
					}
					return s.ctx.Err() == nil
				})
			case store.KindGroup:
				s.survey.Buckets[string(bucketDeviceGroup)].Ascend(nil, func(k, _ []byte) bool {
					name, _, _ := strings.Cut(string(k), "\x00")
					return note(name)
				}, nil)
			case store.KindDevice:
				s.survey.Buckets[string(bucketDeviceProfile)].Ascend(nil, func(k, _ []byte) bool {
					_, ep, _ := strings.Cut(string(k), "\x00")
					return note(ep)
				}, nil)
				s.survey.Buckets[string(bucketIdentity)].Ascend(nil, func(_, ep []byte) bool { return note(string(ep)) }, nil)
			case store.KindSession:
				for _, h := range histories {
					s.survey.Buckets[string(h.bucket)].Ascend(nil, func(id, _ []byte) bool { return note(string(id)) }, nil)
				}
			}
			s.of(kind).Lost = slices.Sorted(maps.Keys(lost))
		}
		return nil
	})
}
