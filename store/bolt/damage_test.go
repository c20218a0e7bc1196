package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/bolt/pages"
	"lwbs/store/seal"
)

// A specimen is a sound database, to be damaged.
type specimen struct {
	bytes   []byte
	keyring *seal.Keyring
	size    int // of a page
	meta    pages.Meta
	opts    Options           // with which it is opened
	devices map[string]string // endpoint to the note of its record

	way   map[string][]uint64 // pages that a record depends on, by its endpoint
	leaf  map[string][]uint64 // of these, those that it is on
	index map[uint64]bool     // pages of the indexes of devices
	names map[uint64]bool     // pages of the buckets' names
}

const specimenDevices = 150

// newSpecimen makes a database whose records were edited again and again, so that it has
// older versions of many pages. Closed says whether it is closed in order.
func newSpecimen(t testing.TB, closed bool) *specimen {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.db")
	db, err := Open(file, k, Options{SessionsPerDevice: 2, noSync: true})
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s := &specimen{keyring: k, devices: make(map[string]string), way: make(map[string][]uint64),
		leaf: make(map[string][]uint64), index: make(map[uint64]bool), names: make(map[uint64]bool)}
	for _, name := range []string{"p", "q"} {
		_, err := db.PutProfile(t.Context(), store.Profile{Name: name})
		must(err)
	}
	r := rand.New(rand.NewPCG(5, 6))
	for n := range 2 * specimenDevices {
		d, err := db.PutDevice(t.Context(), specimenDevice(n%specimenDevices, n/specimenDevices, r))
		must(err)
		s.devices[string(d.Endpoint)] = d.Note
		must(db.AppendSession(t.Context(), specimenSession(n, d)))
	}
	must(db.DeleteDevice(t.Context(), "dev-007", 0))
	delete(s.devices, "dev-007")
	if !closed {
		db.file.Internals().Degrade(true) // so that it does not close in order
	}
	must(db.Close())
	s.bytes, err = os.ReadFile(file)
	must(err)
	s.survey(t)
	return s
}

func specimenDevice(i, revision int, r *rand.Rand) store.Device {
	id := fmt.Sprintf("dev-%03d", i)
	return store.Device{Endpoint: lwm2m.EndpointName(id), Revision: store.Revision(revision), Profile: "pq"[i%2 : i%2+1],
		Note:        fmt.Sprintf("%d of %s %s", revision, id, strings.Repeat("x", r.IntN(800)+3000*(1/(1+i%40)))),
		Tags:        []string{fmt.Sprint("tag-", i%3)},
		Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "id of " + id, Key: lwm2m.NewSecret([]byte("key of " + id))}}}
}

func specimenSession(n int, d store.Device) store.Session {
	return store.Session{ID: fmt.Sprintf("s%06d", n), Endpoint: d.Endpoint, Known: true, Identity: "id of " + string(d.Endpoint), Cause: store.CauseRefused, Links: strings.Repeat("l", 200)}
}

// survey notes on which pages each record depends.
func (s *specimen) survey(t testing.TB) {
	t.Helper()
	f, err := pages.Open(bytes.NewReader(s.bytes), int64(len(s.bytes)))
	if err != nil {
		t.Fatal(err)
	}
	s.meta, _ = f.Newest()
	s.size = s.meta.PageSize
	trees, err := f.Buckets(s.meta).Trees()
	if err != nil {
		t.Fatal(err)
	}
	for name := range trees {
		way, _ := f.Buckets(s.meta).Way([]byte(name))
		for _, page := range way {
			s.names[page] = true
		}
	}
	for ep := range s.devices {
		if s.leaf[ep], err = trees[string(bucketDevice)].Leaf([]byte(ep)); err != nil {
			t.Fatal(err)
		}
		for name, key := range map[string][]byte{string(bucketDeviceProfile): pair("p", ep), string(bucketDeviceTag): pair("tag-0", ep)} {
			way, _ := trees[name].Way(key)
			for _, page := range way {
				s.index[page] = true
			}
		}
		for bucket, key := range map[string][]byte{string(bucketDevice): []byte(ep), string(bucketIdentity): pair("psk", "id of "+ep)} {
			way, err := trees[bucket].Way(key)
			if err != nil {
				t.Fatal(err)
			}
			s.way[ep] = append(s.way[ep], way...)
			if bucket == string(bucketIdentity) {
				for _, page := range way {
					s.index[page] = true
				}
			}
		}
	}
}

// page is the bytes of a page of b.
func (s *specimen) page(b []byte, id int) []byte { return b[id*s.size : (id+1)*s.size] }

// A damage is what is done to a copy of the specimen; pages are those that are not what they
// were.
type damage struct {
	name  string
	bytes []byte
	pages []uint64
}

// roles are pages of each kind: the metas, the list of free pages, and of each bucket the
// root, the first leaf and the last.
func (s *specimen) roles(t *testing.T) []int {
	t.Helper()
	f, err := pages.Open(bytes.NewReader(s.bytes), int64(len(s.bytes)))
	if err != nil {
		t.Fatal(err)
	}
	ids := []int{0, 1, int(s.meta.Root)}
	if s.meta.Free != pages.NoFree {
		ids = append(ids, int(s.meta.Free))
	}
	trees, err := f.Buckets(s.meta).Trees()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range [][]byte{bucketDevice, bucketIdentity, bucketSession} {
		for _, key := range [][]byte{{0}, {0xff}} {
			way, err := trees[string(name)].Way(key)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, int(way[0]), int(way[len(way)-1]))
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// damages are of all kinds, at each of some pages.
func (s *specimen) damages(ids []int) (all []damage) {
	r := rand.New(rand.NewPCG(7, uint64(len(ids))))
	n := len(s.bytes) / s.size
	add := func(name string, b []byte, ids ...int) {
		d := damage{name: name, bytes: b}
		for _, id := range ids {
			d.pages = append(d.pages, uint64(id))
		}
		all = append(all, d)
	}
	for _, id := range ids {
		b := bytes.Clone(s.bytes)
		clear(s.page(b, id))
		add(fmt.Sprintf("page %d zeroed", id), b, id)

		b = bytes.Clone(s.bytes)
		for i := range s.page(b, id) {
			s.page(b, id)[i] = byte(r.Uint32())
		}
		add(fmt.Sprintf("page %d noise", id), b, id)

		for range 2 {
			b, at := bytes.Clone(s.bytes), r.IntN(s.size)
			if r.IntN(2) == 0 {
				at = r.IntN(200) // the headers
			}
			s.page(b, id)[at] ^= 1 << r.IntN(8)
			add(fmt.Sprintf("page %d byte %d flipped", id, at), b, id)
		}

		b, other := bytes.Clone(s.bytes), r.IntN(n)
		copy(s.page(b, id), s.page(s.bytes, other))
		copy(s.page(b, other), s.page(s.bytes, id))
		add(fmt.Sprintf("pages %d and %d exchanged", id, other), b, id, other)

		b = bytes.Clone(s.bytes)
		add(fmt.Sprintf("page %d %s", id, s.lie(s.page(b, id), id, r)), b, id)

		cut := id*s.size + r.IntN(s.size)
		var gone []int
		for i := id; i < n; i++ {
			gone = append(gone, i)
		}
		add(fmt.Sprintf("cut at %d", cut), bytes.Clone(s.bytes[:cut]), gone...)
	}
	return all
}

// lie changes what a page says of itself, so that it would lead a reader who believes it astray.
func (s *specimen) lie(page []byte, id int, r *rand.Rand) string {
	order := binary.NativeEndian
	switch branch, n := order.Uint16(page[8:]) == 1, r.IntN(6); {
	case branch && n < 3:
		order.PutUint64(page[24:], []uint64{uint64(id), s.meta.Root, 1 << 40}[n])
		return "refers to itself, to the root, or to nowhere"
	case n%3 == 0:
		order.PutUint16(page[10:], 0)
		return "has no elements"
	case n%3 == 1:
		order.PutUint32(page[12:], []uint32{1, 1 << 31, math.MaxUint32}[r.IntN(3)])
		return "flows over"
	}
	order.PutUint32(page[16+4*r.IntN(4):], []uint32{0, 1 << 31, math.MaxUint32}[r.IntN(3)])
	return "has an element elsewhere"
}

// hurts reports whether a record depends on a page that is damaged.
func (s *specimen) hurts(d damage, ep string) bool {
	return slices.ContainsFunc(s.way[ep], func(page uint64) bool { return slices.Contains(d.pages, page) })
}

// Whatever is damaged, the database does not bring its process down. It is opened, unless
// what all records depend on is lost; every record that depends on no damaged page is
// served, edited and kept over another opening; what cannot be read is told of.
//
// LWBS_DAMAGE_PAGES=N damages N pages of the file, in place of one of each kind, and tries all in each state.
func TestDamage(t *testing.T) {
	for i, state := range []struct {
		name   string
		closed bool
		opts   Options
	}{
		{"closed in order", true, Options{}},
		{"read before it is served", false, Options{}},
		{"served while it is read", false, Options{surveyAtOnce: 1}},
	} {
		t.Run(state.name, func(t *testing.T) {
			s := newSpecimen(t, state.closed)
			s.opts = state.opts
			for n, d := range s.damages(s.damaged(t)) {
				if os.Getenv(damagePages) != "" || n%6 == 2*i { // a sixth of them in each state
					s.try(t, d)
				}
			}
		})
	}
}

// A key in a branch that is not the one that the page below begins with leads readers to the same
// places as before, and would have an edit destroy the tree.
func TestDamagedKeyOfBranch(t *testing.T) {
	for _, closed := range []bool{true, false} {
		s := newSpecimen(t, closed)
		keys := s.branchKeys(t)
		if len(keys) < 2 {
			t.Fatalf("%d branches", len(keys))
		}
		for page, places := range keys {
			for i, at := range places {
				if i%8 > 0 && i < len(places)-1 { // the first, the last, and an eighth of them
					continue
				}
				b := bytes.Clone(s.bytes)
				s.page(b, int(page))[at] ^= 1
				s.try(t, damage{name: fmt.Sprintf("page %d key at %d flipped", page, at), bytes: b, pages: []uint64{page}})
			}
		}
	}
}

// branchKeys tells where in branches the last byte of each key lies.
func (s *specimen) branchKeys(t *testing.T) map[uint64][]int {
	t.Helper()
	keys, used := make(map[uint64][]int), slices.Concat(slices.Collect(maps.Values(s.way))...)
	for id := 2; id < len(s.bytes)/s.size; id++ {
		page, order := s.page(s.bytes, id), binary.NativeEndian
		if order.Uint16(page[8:]) != 1 || !s.names[uint64(id)] && !slices.Contains(used, uint64(id)) {
			continue
		}
		for i := range int(order.Uint16(page[10:])) {
			e := page[16+16*i:]
			keys[uint64(id)] = append(keys[uint64(id)], 16+16*i+int(order.Uint32(e))+int(order.Uint32(e[4:]))-1)
		}
	}
	return keys
}

const damagePages = "LWBS_DAMAGE_PAGES"

// damaged are the pages that are damaged, one after the other.
func (s *specimen) damaged(t *testing.T) (ids []int) {
	text := os.Getenv(damagePages)
	if text == "" {
		return s.roles(t)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number from 1", damagePages, text)
	}
	all := len(s.bytes) / s.size
	for id := 0; id < all; id += max(1, all/n) {
		ids = append(ids, id)
	}
	return ids
}

// quickly returns a folder in memory, where there is one, for a test that makes many files, and
// what removes it.
func quickly(t *testing.T) (dir string, remove func()) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "lwbs-test-")
	if err != nil {
		return t.TempDir(), func() {}
	}
	return dir, func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}
}

func (s *specimen) try(t *testing.T, d damage) {
	t.Helper()
	dir, remove := quickly(t)
	defer remove()
	file := filepath.Join(dir, "x.db")
	if err := os.WriteFile(file, d.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	found := CheckFile(t.Context(), file, s.keyring)
	s.salvage(t, d, file)
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, d.bytes) {
		t.Fatalf("%s: the check or the salvage has changed the file, error %v", d.name, err)
	}
	opts := s.opts
	opts.SessionsPerDevice, opts.noSync = 2, true
	db, err := Open(file, s.keyring, opts)
	if err != nil && found == nil {
		t.Errorf("%s: the check found nothing, and it cannot be opened: %v", d.name, err)
	}
	if err != nil {
		if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNoKey) && !errors.Is(err, store.ErrSchema) {
			t.Errorf("%s: opening fails with %v", d.name, err)
		}
		if !slices.ContainsFunc(d.pages, s.vital) {
			t.Errorf("%s: it cannot be opened: %v", d.name, err)
		}
		return
	}
	served := s.serve(t, d, db)
	if found == nil && len(served) < len(s.devices) {
		t.Errorf("%s: the check found nothing, and %d devices are not served", d.name, len(s.devices)-len(served))
	}
	edited := s.edit(t, d, db, served)
	s.backUp(t, d, db, file+".backup")
	if err := db.Close(); err != nil {
		t.Errorf("%s: closing: %v", d.name, err)
	}
	if db, err = Open(file, s.keyring, Options{noSync: true}); err != nil {
		t.Errorf("%s: opening again: %v", d.name, err)
		return
	}
	defer db.Close()
	for ep, note := range edited {
		if got, err := db.Device(t.Context(), lwm2m.EndpointName(ep)); err != nil || got.Note != note {
			t.Errorf("%s: after another opening %s has the note %.20q, want %.20q, error %v", d.name, ep, got.Note, note, err)
		}
	}
	if page, err := db.Devices(t.Context(), store.DeviceQuery{Limit: 1000}); err != nil || len(page) < len(edited) {
		t.Errorf("%s: %d devices are listed, want %d or more, error %v", d.name, len(page), len(edited), err)
	}
	if _, err := db.Stats(t.Context()); err != nil {
		t.Errorf("%s: %v", d.name, err)
	}
}

// backUp makes a backup, which is whole, or refused over what it would lack.
func (s *specimen) backUp(t *testing.T, d damage, db *DB, file string) {
	t.Helper()
	if err := db.Backup(t.Context(), file); err != nil {
		if part := new(store.UnreadableError); !errors.As(err, &part) || part.Page == 0 || !strings.Contains(err.Error(), dbfile.InsteadOfBackup) {
			t.Errorf("%s: a backup is refused over %v", d.name, err)
		}
		return
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pages.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatalf("%s: %v", d.name, err)
	}
	meta, _ := f.Newest()
	if survey, _ := f.Survey(meta, nil); len(survey.Lost) > 0 {
		t.Errorf("%s: the backup lacks something: %v", d.name, survey.Lost[0].Err)
	}
}

// vital reports whether nothing can be read without a page.
func (s *specimen) vital(page uint64) bool { return page < 2 || s.names[page] }

// salvage makes another database of a damaged one, which has every record that is on an
// undamaged page, as it was last, and is sound.
func (s *specimen) salvage(t *testing.T, d damage, file string) {
	t.Helper()
	fresh := file + ".salvaged"
	report, err := SalvageFile(t.Context(), file, fresh, s.keyring)
	if err != nil {
		for ep := range s.devices {
			if !s.hurtsLeaf(d, ep) {
				t.Fatalf("%s: the salvage fails: %v", d.name, err)
			}
		}
		return
	}
	if err := CheckFile(t.Context(), fresh, s.keyring); err != nil {
		t.Errorf("%s: the salvaged database is not sound: %v", d.name, err)
	}
	db, err := Open(fresh, s.keyring, Options{noSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for ep, note := range s.devices {
		got, err := db.DeviceByIdentity(t.Context(), store.CredentialPSK, "id of "+ep)
		switch {
		case err != nil && !s.hurtsLeaf(d, ep):
			t.Errorf("%s: %s is not salvaged: %v; %+v", d.name, ep, err, report.Damage)
		case err == nil && got.Note != note && (!s.hurtsLeaf(d, ep) || !slices.Contains(report.Devices.Older, ep)):
			t.Errorf("%s: of %s an older version is salvaged, %.20q, and not said to be", d.name, ep, got.Note)
		case err != nil && !slices.Contains(report.Devices.Lost, ep) && !slices.ContainsFunc(d.pages, s.indexed):
			t.Errorf("%s: %s is lost, and not said to be: %+v", d.name, ep, report)
		}
	}
	if _, err := db.Device(t.Context(), "dev-007"); err == nil && !slices.ContainsFunc(d.pages, func(page uint64) bool { return s.vital(page) || s.indexed(page) }) {
		t.Errorf("%s: a deleted device is back", d.name)
	}
}

// hurtsLeaf reports whether a record is on a page that is damaged.
func (s *specimen) hurtsLeaf(d damage, ep string) bool {
	return slices.ContainsFunc(s.leaf[ep], func(page uint64) bool { return slices.Contains(d.pages, page) })
}

// indexed reports whether the indexes of devices depend on a page.
func (s *specimen) indexed(page uint64) bool { return s.vital(page) || s.index[page] }

// serve looks all records up, and returns the endpoints of those that are there. Where some
// are not, that is told; or an index was made anew after it was read, and is told of no more.
func (s *specimen) serve(t *testing.T, d damage, db *DB) (served []string) {
	t.Helper()
	silent := func() bool {
		return len(served) < len(s.devices) && len(db.Unreadable()) == 0 && !strings.Contains(d.name, "flipped")
	}
	if served = s.look(t, d, db); silent() {
		served = s.look(t, d, db)
	}
	if silent() {
		t.Errorf("%s: %d devices are not served, and nothing is said to be unreadable", d.name, len(s.devices)-len(served))
	}
	return served
}

// look looks all records up once.
func (s *specimen) look(t *testing.T, d damage, db *DB) (served []string) {
	t.Helper()
	for ep, note := range s.devices {
		got, err := db.DeviceByIdentity(t.Context(), store.CredentialPSK, "id of "+ep)
		switch {
		case err == nil && got.Note == note && string(got.Endpoint) == ep:
			served = append(served, ep)
		case err == nil:
			t.Errorf("%s: %s has the note %.20q", d.name, got.Endpoint, got.Note)
		case !s.hurts(d, ep):
			t.Errorf("%s: %s is not served: %v", d.name, ep, err)
		case !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNotFound):
			t.Errorf("%s: %s is not served, over %v", d.name, ep, err)
		}
	}
	return served
}

// edit edits all records that are served, and appends sessions, and returns the notes that
// were kept. What cannot be edited depends on a damaged page.
func (s *specimen) edit(t *testing.T, d damage, db *DB, served []string) map[string]string {
	t.Helper()
	edited, failed := make(map[string]string), 0
	for i, ep := range served {
		got, err := db.Device(t.Context(), lwm2m.EndpointName(ep))
		if err != nil {
			t.Errorf("%s: %s: %v", d.name, ep, err)
			continue
		}
		got.Note = strings.Repeat("edited ", 1+i%100)
		if _, err := db.PutDevice(t.Context(), got); err == nil {
			edited[ep] = got.Note
		} else if !s.hurts(d, ep) || !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %s cannot be edited: %v", d.name, ep, err)
		}
		if err := db.AppendSession(t.Context(), specimenSession(1000+i, got)); err != nil {
			if failed++; !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%s: a session is not kept: %v", d.name, err)
			}
		}
	}
	if failed > 0 {
		t.Logf("%s: %d of %d sessions are not kept, %v", d.name, failed, len(served), db.Unreadable())
	}
	if failed > len(served)/2 {
		t.Errorf("%s: %d of %d sessions are not kept, %v", d.name, failed, len(served), db.Unreadable())
	}
	return edited
}
