package bolt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/seal"
)

// A diskEvent is something that happened to the file: a write, a sync, or an edit that was
// acknowledged.
type diskEvent struct {
	at      int64
	written []byte // nil for what is no write

	sync bool

	endpoint string // of an edit
	note     string
	revision store.Revision
}

// A diskLog is all that happened to a file. The system tells when everything that was written
// is on the disk, so that a sync which was forgotten is none here.
type diskLog struct {
	t      *testing.T
	before []byte // the file at the beginning

	looks *os.File // the file, opened once more: the database closes and opens its own while it is edited

	mu     sync.Mutex
	file   *os.File // of the database that is open
	events []diskEvent
}

// settle notes a sync where nothing of the file is only in memory. Its caller holds mu.
func (l *diskLog) settle() {
	if n := len(l.events); n == 0 || l.events[n-1].sync {
		return
	}
	if dirty, err := dirtyPages(l.looks); err != nil {
		l.t.Error(err)
	} else if dirty == 0 {
		l.events = append(l.events, diskEvent{sync: true})
	}
}

// write does and notes a write.
func (l *diskLog) write(b []byte, at int64) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	l.events = append(l.events, diskEvent{at: at, written: bytes.Clone(b)})
	return l.file.WriteAt(b, at)
}

func (l *diskLog) acknowledged(d store.Device) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settle()
	l.events = append(l.events, diskEvent{endpoint: string(d.Endpoint), note: d.Note, revision: d.Revision})
}

// watch notes what db writes from now on.
func (l *diskLog) watch(db *dbfile.File) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file = db.Internals().File()
	ops := reflect.ValueOf(db.Internals().DB()).Elem().FieldByName("ops").FieldByName("writeAt")
	*(*func([]byte, int64) (int, error))(unsafe.Pointer(ops.UnsafeAddr())) = l.write
}

// dirtyPages is how many pages of a file the disk does not have yet.
func dirtyPages(f *os.File) (uint64, error) {
	var stat unix.Cachestat_t
	err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{}, &stat, 0)
	return stat.Dirty + stat.Writeback, err
}

// recordDisk edits a database from several goroutines, with crashes and orderly ends between,
// and returns what that did to the file.
func recordDisk(t *testing.T, k *seal.Keyring) *diskLog {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.db")
	db, err := Open(file, k, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if dirty, err := dirtyPages(db.file.Internals().File()); err != nil || dirty > 0 {
		t.Skipf("the system does not tell what of a file is on the disk: %d pages are not, error %v", dirty, err)
	}
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l := &diskLog{t: t}
	if l.looks, err = os.Open(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.looks.Close() })
	if l.before, err = os.ReadFile(file); err != nil {
		t.Fatal(err)
	}
	for life := range 4 {
		opts := Options{SessionsPerDevice: 2, opened: func(f *os.File) { l.mu.Lock(); l.file = f; l.mu.Unlock() }, mapped: l.watch, writeAt: l.write}
		if life == 3 {
			opts.surveyAtOnce = 1 // then it is served while it is read
		}
		db, err := Open(file, k, opts)
		if err != nil {
			t.Fatal(err)
		}
		l.edit(db, life)
		db.file.Internals().Degrade(life%2 == 0) // then it does not close in order
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// edit edits devices, each from one goroutine, so that the last acknowledgement tells what
// must be there.
func (l *diskLog) edit(db *DB, life int) {
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for n := range 12 {
				ep := lwm2m.EndpointName(fmt.Sprintf("w%d-d%d", w, n%5))
				d, err := db.Device(l.t.Context(), ep)
				if err != nil {
					d = store.Device{Endpoint: ep, Profile: "p"}
				}
				d.Note = fmt.Sprintf("%d-%d-%d %s", life, w, n, bytes.Repeat([]byte{'x'}, 90*n))
				d.Credentials = []store.Credential{{Kind: store.CredentialPSK, Identity: fmt.Sprintf("%s-%d", ep, n%3), Key: lwm2m.NewSecret([]byte(ep))}}
				kept, err := db.PutDevice(l.t.Context(), d)
				if err != nil {
					l.t.Error(err)
					return
				}
				l.acknowledged(kept)
				if err := db.AppendSession(l.t.Context(), store.Session{ID: fmt.Sprintf("%d-%02d-%d", life, n, w), Endpoint: ep, Known: true, Cause: store.CauseDone}); err != nil {
					l.t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// sector is what a disk writes whole or not at all, in bytes.
const sector = 512

// A powerCut is the file as it may be when the power failed after some events.
type powerCut struct {
	image []byte
	acked map[string]diskEvent // the last acknowledged edit of each device

	surveyAtOnce int64 // of the options that it is opened with
}

// cut returns such a file: all that was written before the last sync, and what r picks of what
// was written since. Forget is how many syncs are not believed.
func (l *diskLog) cut(after int, r *rand.Rand, forget int) powerCut {
	last := 0
	var syncs []int
	for i, e := range l.events[:after] {
		if e.sync {
			syncs = append(syncs, i)
		}
	}
	if n := len(syncs) - 1 - forget; n >= 0 {
		last = syncs[n]
	}
	c := powerCut{image: bytes.Clone(l.before), acked: make(map[string]diskEvent), surveyAtOnce: r.Int64N(2)}
	kind := r.IntN(5)
	for i, e := range l.events[:after] {
		switch {
		case e.endpoint != "":
			c.acked[e.endpoint] = e
		case e.written == nil:
		case i < last:
			c.keep(e.at, e.written)
		default:
			c.survive(e, kind, r)
		}
	}
	return c
}

func (c *powerCut) keep(at int64, b []byte) {
	if missing := at + int64(len(b)) - int64(len(c.image)); missing > 0 {
		c.image = append(c.image, make([]byte, missing)...)
	}
	copy(c.image[at:], b)
}

// survive keeps what a power cut leaves of a write that was not synced: nothing, all, or some
// of its sectors.
func (c *powerCut) survive(e diskEvent, kind int, r *rand.Rand) {
	switch kind {
	case 0: // nothing
	case 1:
		c.keep(e.at, e.written)
	case 2: // whole writes
		if r.IntN(2) == 0 {
			c.keep(e.at, e.written)
		}
	default: // sectors, few or most of them
		for at := 0; at < len(e.written); at += sector {
			if r.IntN(4) == 0 == (kind == 3) {
				c.keep(e.at+int64(at), e.written[at:min(at+sector, len(e.written))])
			}
		}
	}
}

// problems opens the file and returns what is not as it was acknowledged.
func (c powerCut) problems(t *testing.T, k *seal.Keyring) (problems []string) {
	t.Helper()
	dir, remove := quickly(t)
	defer remove()
	file := filepath.Join(dir, "x.db")
	if err := os.WriteFile(file, c.image, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(file, k, Options{noSync: true, surveyAtOnce: c.surveyAtOnce})
	if err != nil {
		return []string{fmt.Sprintf("it cannot be opened: %v", err)}
	}
	for ep, e := range c.acked {
		d, err := db.Device(t.Context(), lwm2m.EndpointName(ep))
		switch {
		case err != nil:
			problems = append(problems, err.Error())
		case d.Revision < e.revision, d.Revision == e.revision && d.Note != e.note:
			problems = append(problems, fmt.Sprintf("%s has revision %d, and %d was acknowledged", ep, d.Revision, e.revision))
		}
	}
	if err := db.Check(t.Context()); err != nil {
		problems = append(problems, err.Error())
	}
	if _, err := db.PutDevice(t.Context(), store.Device{Endpoint: "new", Profile: "p"}); err != nil {
		problems = append(problems, err.Error())
	}
	if err := db.Close(); err != nil {
		problems = append(problems, err.Error())
	}
	if err := CheckFile(t.Context(), file, k); err != nil {
		problems = append(problems, fmt.Sprintf("after an edit: %v", err))
	}
	return problems
}

// seedOf is that of a test: LWBS_SEED, or another one each time, which it logs.
func seedOf(t *testing.T) uint64 {
	seed := rand.Uint64()
	if text := os.Getenv("LWBS_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("LWBS_SEED=%q is no number", text)
		}
		seed = n
	}
	t.Logf("LWBS_SEED=%d", seed)
	return seed
}

// Whenever the power fails, and whatever it leaves of what was not yet synced, the file opens,
// is sound, and has every edit that was acknowledged. The opening writes, too: the power fails
// during that as well.
func TestPowerCut(t *testing.T) {
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	l, r := recordDisk(t, k), rand.New(rand.NewPCG(seedOf(t), 1))
	writes, syncs := l.count()
	if syncs < 40 || writes < 2*syncs {
		t.Fatalf("%d writes and %d syncs: nothing was tested", writes, syncs)
	}
	enough := 5 * time.Second
	if testing.Short() {
		enough = time.Second
	}
	began, images := time.Now(), 0
	for _, after := range l.moments(r) {
		if time.Since(began) > enough && images >= 50 {
			break
		}
		images++
		if problems := l.cut(after, r, 0).problems(t, k); len(problems) > 0 {
			t.Fatalf("the power fails after event %d of %d: %q", after, len(l.events), problems)
		}
	}
	t.Logf("%d writes, %d syncs, %d files as a power cut leaves them", writes, syncs, images)
}

// The counter-check: a disk that did not do as it said is noticed.
func TestPowerCutIsNoticed(t *testing.T) {
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	l, r := recordDisk(t, k), rand.New(rand.NewPCG(seedOf(t), 2))
	for _, after := range l.moments(r) {
		if len(l.cut(after, r, 6).problems(t, k)) > 0 {
			return
		}
	}
	t.Error("six syncs are not believed, and it was not noticed")
}

// count is how many writes and syncs there were.
func (l *diskLog) count() (writes, syncs int) {
	for _, e := range l.events {
		if e.sync {
			syncs++
		}
		if e.written != nil {
			writes++
		}
	}
	return writes, syncs
}

// moments are those after each sync and before the next, which is when most is not synced,
// and then all others, in any order.
func (l *diskLog) moments(r *rand.Rand) (moments []int) {
	var others []int
	for i := range l.events {
		if l.events[i].sync {
			moments = append(moments, i, i+1)
		} else {
			others = append(others, i)
		}
	}
	for _, some := range [][]int{moments, others} {
		r.Shuffle(len(some), func(a, b int) { some[a], some[b] = some[b], some[a] })
	}
	return slices.Concat(moments, others)
}
