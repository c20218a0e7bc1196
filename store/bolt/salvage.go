package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/pages"
	"lwbs/store/seal"
)

// A Salvage is what could be read of a damaged database, and what not.
type Salvage struct {
	Devices  Salvaged `json:"devices"`
	Profiles Salvaged `json:"profiles"`
	Groups   Salvaged `json:"groups"`
	Servers  Salvaged `json:"lwm2mServers"`
	Sessions Salvaged `json:"sessions"`

	// Damage has what is damaged, a line each.
	Damage []string `json:"damage"`
}

// Salvaged is of one kind of records.
type Salvaged struct {
	Kept int `json:"kept"`

	// Lost are the names of those that are known to have been there, of sessions without
	// a name too.
	Lost []string `json:"lost"`

	// Older are the names of those that were kept as they are on a page that nothing refers
	// to any more, since the page that does is damaged: they may lack the last edits.
	Older []string `json:"older"`

	// Empty are the names of profiles that are lost and that devices or groups have: an empty one
	// is in their place, with which no device is bootstrapped. Of groups that are lost and that
	// devices have, a disabled one without keys is in their place.
	Empty []string `json:"empty,omitempty"`
}

// SalvageFile writes what can be read of a damaged database to a new one. It writes nothing to the damaged
// file, which no process may use meanwhile. Secrets stay sealed as they are. It replaces no file: then the
// error wraps [fs.ErrExist]. Other errors: store.ErrLocked, ErrNoKey, ErrFull, and ErrCorrupt where the
// file has nothing of a database.
func SalvageFile(ctx context.Context, file, fresh string, keyring *seal.Keyring) (Salvage, error) {
	if _, err := os.Lstat(fresh); !errors.Is(err, fs.ErrNotExist) {
		return Salvage{}, fmt.Errorf("salvage into %s: %w", fresh, errors.Join(err, fs.ErrExist))
	}
	f, size, err := dbfile.OpenToRead(file)
	if err != nil {
		return Salvage{}, fmt.Errorf("salvage %s: %w", file, err)
	}
	defer f.Close()
	part := fresh + ".part"
	s := salvager{ctx: ctx, keyring: keyring}
	err = s.find(f, size)
	if err == nil {
		err = s.build(part)
	}
	if err != nil {
		return Salvage{}, fmt.Errorf("salvage %s: %w", file, errors.Join(err, dbfile.RemoveIfAny(part)))
	}
	if err := errors.Join(os.Link(part, fresh), os.Remove(part), store.SyncDir(filepath.Dir(fresh))); err != nil {
		return Salvage{}, fmt.Errorf("salvage into %s: %w", fresh, err)
	}
	return s.report, nil
}

// A salvager reads a damaged database.
type salvager struct {
	ctx     context.Context
	keyring *seal.Keyring
	report  Salvage

	file   *pages.File
	survey *pages.Survey
	end    uint64 // of pages

	scattered bool // nothing tells which pages are in use
	sealed    int  // devices that the Keyring does not open, and that are whole otherwise

	owners map[string]string             // identities to the endpoints that have them in the new database
	failed map[string]map[string]bool    // keys in the trees that have no record which can be read, by kind
	stray  map[string]map[string]version // records that were found elsewhere, by kind and name
	moved  map[string]map[string][]byte  // records under the keys of others, by kind and name
}

// kinds are those of records.
var kinds = [][]byte{bucketLwM2MServer, bucketProfile, bucketGroup, bucketDevice, bucketSession}

// build makes the new database.
func (s *salvager) build(part string) error {
	if err := dbfile.RemoveIfAny(part); err != nil {
		return err
	}
	if err := create(part, s.keyring); err != nil {
		return err
	}
	db, err := Open(part, s.keyring, Options{noSync: true})
	if err != nil {
		return err
	}
	err = s.fill(db)
	if err == nil {
		err = db.check(s.ctx, true)
	}
	return errors.Join(dbfile.Adapt(err), db.Close(), syncFile(part))
}

// fill copies what can be read: first what the trees have, then what they have lost.
func (s *salvager) fill(db *DB) error {
	s.owners, s.failed, s.moved = make(map[string]string), make(map[string]map[string]bool), make(map[string]map[string][]byte)
	for _, kind := range kinds {
		if err := s.fromTree(db, kind); err != nil {
			return err
		}
	}
	s.findStray()
	for _, kind := range kinds {
		if err := s.fromElsewhere(db, kind); err != nil {
			return err
		}
	}
	if err := s.nothing(); err != nil {
		return err
	}
	if err := s.withGroups(db); err != nil {
		return err
	}
	if err := s.withProfiles(db); err != nil {
		return err
	}
	if err := s.others(db); err != nil {
		return err
	}
	return s.tellLost(db)
}

func syncFile(name string) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// nothing reports that there is nothing to make a database of, or that the key is wrong,
// which shows in devices where what tells it is lost.
func (s *salvager) nothing() error {
	switch {
	case s.sealed > 0 && s.report.Devices.Kept == 0:
		return fmt.Errorf("%w: no device record can be opened with it", store.ErrNoKey)
	case s.report.Devices.Kept+s.report.Profiles.Kept+s.report.Groups.Kept+s.report.Servers.Kept+s.report.Sessions.Kept == 0 && s.scattered:
		return fmt.Errorf("%w: there is nothing of a database in it", store.ErrCorrupt)
	}
	return nil
}

// fromTree keeps the records of one kind that the tree has.
func (s *salvager) fromTree(db *DB, kind []byte) error {
	s.failed[string(kind)], s.moved[string(kind)] = make(map[string]bool), make(map[string][]byte)
	g := group{s: s, db: db}
	s.survey.Buckets[string(kind)].Ascend(nil, func(key, row []byte) bool {
		keep, err := s.look(kind, string(key), row)
		if err != nil {
			s.damage("%s %q: %v", kind, key, err)
			s.failed[string(kind)][string(key)] = true
			if name := nameIn(row); name != "" && name != string(key) {
				s.moved[string(kind)][name] = slices.Clone(row)
			}
			return true
		}
		s.of(kind).Kept++
		return g.add(keep)
	}, nil)
	return g.end()
}

// fromElsewhere keeps those of one kind that the tree has lost.
func (s *salvager) fromElsewhere(db *DB, kind []byte) error {
	g := group{s: s, db: db}
	for _, name := range slices.Sorted(maps.Keys(s.moved[string(kind)])) {
		if has, err := s.has(db, kind, name); err != nil || has {
			continue
		}
		delete(s.stray[string(kind)], name)
		if keep, err := s.look(kind, name, s.moved[string(kind)][name]); err == nil {
			s.of(kind).Kept++
			g.add(keep)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.stray[string(kind)])) {
		if has, err := s.has(db, kind, name); err != nil || has { // from a page that can be read and not be changed
			continue
		}
		v := s.stray[string(kind)][name]
		keep, err := s.look(kind, name, v.row(s))
		if err != nil {
			s.damage("%s %q, on page %d: %v", kind, name, v.page, err)
			continue
		}
		s.of(kind).Kept++
		if !s.scattered {
			s.of(kind).Older = append(s.of(kind).Older, name)
		}
		if !g.add(keep) {
			break
		}
	}
	return g.end()
}

// has reports whether the new database has a record.
func (s *salvager) has(db *DB, kind []byte, name string) (is bool, err error) {
	err = db.view(s.ctx, func(tx *transaction) error {
		is = tx.Bucket(kind).Get([]byte(name)) != nil
		return nil
	})
	return is, err
}

// of is the report of one kind.
func (s *salvager) of(kind []byte) *Salvaged {
	switch string(kind) {
	case store.KindDevice:
		return &s.report.Devices
	case store.KindProfile:
		return &s.report.Profiles
	case store.KindGroup:
		return &s.report.Groups
	case store.KindLwM2MServer:
		return &s.report.Servers
	}
	return &s.report.Sessions
}

// look looks at a record and returns what keeps it in the new database.
func (s *salvager) look(kind []byte, key string, row []byte) (keep func(*transaction) error, err error) {
	switch string(kind) {
	case store.KindDevice:
		return s.device(key, row)
	case store.KindProfile:
		return profiles.salvage(s.keyring, key, row)
	case store.KindGroup:
		return groups.salvage(s.keyring, key, row)
	case store.KindLwM2MServer:
		return lwm2mServers.salvage(s.keyring, key, row)
	}
	return s.session(key, row)
}

// A group is records that are kept in one transaction.
type group struct {
	s    *salvager
	db   *DB
	keep []func(*transaction) error
	err  error
}

// salvageGroup is how many records are in a group.
const salvageGroup = 1000

// add reports whether there is to be more.
func (g *group) add(keep func(*transaction) error) bool {
	if g.keep = append(g.keep, keep); len(g.keep) >= salvageGroup {
		g.err = g.end()
	}
	return g.err == nil
}

// end keeps the rest.
func (g *group) end() error {
	keep := g.keep
	g.keep = nil
	if err := errors.Join(g.err, g.s.ctx.Err()); err != nil || len(keep) == 0 {
		return err
	}
	return g.db.edit(g.s.ctx, func(tx *transaction) (refused, failed error) {
		for _, one := range keep {
			if err := one(tx); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
}

func (s *salvager) damage(text string, args ...any) {
	if len(s.report.Damage) < maxProblems {
		s.report.Damage = append(s.report.Damage, fmt.Sprintf(text, args...))
	}
}
