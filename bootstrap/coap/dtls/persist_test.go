package dtls

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/kept"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// A disk is where associations are kept in a test. It outlives the listeners.
type disk struct {
	mu   sync.Mutex
	kept map[kept.Key]kept.Association
	void bool
}

// errDisk is what a disk fails with.
var errDisk = errors.New("the disk fails")

// A diskKeeper is the [kept.Keeper] of one listener. Fields are guarded by disk.mu.
type diskKeeper struct {
	*disk
	dead bool          // the process has been killed
	slow time.Duration // what an edit takes

	// fails tells of each edit whether it fails, and whether it is done all the same.
	fails   func() (fails, done bool)
	resume  error // of Resume
	noVoid  error // of Void
	edits   int
	reading chan struct{} // Kept waits until it is closed; nil for not
}

func newDisk() *disk { return &disk{kept: make(map[kept.Key]kept.Association)} }

func (d *disk) keeper() *diskKeeper {
	return &diskKeeper{disk: d, fails: func() (bool, bool) { return false, false }}
}

// set changes how the keeper behaves.
func (k *diskKeeper) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *diskKeeper) Resume(context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.resume == nil && k.void && !k.dead {
		clear(k.kept)
		k.void = false
	}
	return k.resume
}

func (k *diskKeeper) Keep(_ context.Context, put []kept.Association, ended []kept.Key) error {
	k.mu.Lock()
	slow := k.slow
	k.mu.Unlock()
	time.Sleep(slow)
	k.mu.Lock()
	defer k.mu.Unlock()
	fails, done := k.fails()
	if k.dead {
		return errDisk
	}
	if k.edits++; !fails || done {
		for _, key := range ended {
			delete(k.kept, key)
		}
		for _, a := range put {
			k.kept[a.Key] = a
		}
	}
	if fails {
		return errDisk
	}
	return nil
}

func (k *diskKeeper) Kept(ctx context.Context, before kept.Key, limit int) (page []kept.Association, err error) {
	if k.reading != nil {
		select {
		case <-k.reading:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	order := func(a, b kept.Key) int {
		return cmp.Or(a.Heard.Compare(b.Heard), bytes.Compare(a.ID[:], b.ID[:]))
	}
	keys := slices.SortedFunc(maps.Keys(k.kept), order)
	slices.Reverse(keys)
	for _, key := range keys {
		if (before == kept.Key{} || order(key, before) < 0) && len(page) < min(limit, 2) {
			page = append(page, k.kept[key])
		}
	}
	return page, nil
}

func (k *diskKeeper) Void() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead || k.noVoid != nil {
		return k.noVoid
	}
	k.void = true
	return nil
}

// A restartable is a bubble with a listener that keeps associations and can be restarted.
type restartable struct {
	*simulatedListener
	cfg    Config
	disk   *disk
	keeper *diskKeeper
	asked  *hibernationHandler
	tune   func(*persister)  // changes that of each listener; nil for not
	next   func(*diskKeeper) // prepares the keeper of the next listener; nil for none
}

// inRestartable runs f with a restartable.
func inRestartable(t *testing.T, set func(*Config), f func(h *restartable)) {
	h := &restartable{disk: newDisk(), asked: new(hibernationHandler)}
	h.keeper = h.disk.keeper()
	inSimulation(t, func(cfg *Config) {
		cfg.Exchange.Handler = h.asked
		if set != nil {
			set(cfg)
		}
		h.cfg = *cfg
		cfg.DTLS.Keeper = h.keeper
	}, func(b *simulatedListener) {
		h.simulatedListener = b
		defer func() { h.hub.Close(h.mux.close) }()
		f(h)
	})
}

// stop ends the listener as SIGTERM does, or as kill -9.
func (h *restartable) stop(kill bool) {
	h.t.Helper()
	synctest.Wait()
	if kill {
		h.keeper.set(func() { h.keeper.dead = true })
	}
	if err := h.hub.Close(h.mux.close); err != nil {
		h.t.Error(err)
	}
}

// start begins a listener with what is on the disk.
func (h *restartable) start() {
	h.t.Helper()
	h.keeper = h.disk.keeper()
	if h.next != nil {
		h.next(h.keeper)
	}
	cfg := h.cfg
	cfg.DTLS.Keeper = h.keeper
	cfg, err := cfg.WithDefaults()
	if err != nil {
		h.t.Fatal(err)
	}
	g, meter := testGroup(), new(traffic.Meter)
	h.mux = newMux(cfg, udp.NewSocket(coaptest.NewMemoryConn(h.down), g, meter, cfg.Exchange.Logger), g, meter)
	if h.tune != nil {
		h.tune(h.persister)
	}
	h.mux.start()
	synctest.Wait()
}

// restart is stop and start.
func (h *restartable) restart(kill bool) {
	h.t.Helper()
	h.stop(kill)
	h.start()
}

// settled waits until all associations are kept that hibernate.
func (h *restartable) settled() {
	h.t.Helper()
	time.Sleep(exchange.ReleaseDelay + 2*persistDelay)
	synctest.Wait()
	if n := h.persister.backlog(); n != 0 {
		h.t.Errorf("%d associations wait to be kept", n)
	}
}

// count is how many associations are on the disk.
func (d *disk) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.kept)
}

// A device goes on with its association after the server was restarted, as often as that
// happens, and whether it was told to end or was killed.
func TestAssociationsOutliveRestarts(t *testing.T) {
	for _, tt := range []struct {
		name string
		cid  []byte // own one of the device; nil for no connection IDs
	}{{"address", nil}, {"connection ID", []byte{}}, {"connection IDs", []byte{1, 2, 3, 4, 5, 6, 7, 8}}} {
		t.Run(tt.name, func(t *testing.T) {
			inRestartable(t, nil, func(h *restartable) {
				var options []dtls.ClientOption
				if tt.cid != nil {
					options = append(options, dtls.WithConnectionIDGenerator(func() []byte { return tt.cid }))
				}
				d := h.join(peerAt(9), options...)
				for round := range byte(12) {
					d.asks(round)
					if round%3 != 0 { // else it is stopped while the association is active
						h.settled()
					}
					if tt.cid != nil {
						d.peer = peerAt(100 + uint16(round))
						d.in = h.connect(d.peer)
					}
					h.restart(round%3 == 1)
					if h.hibernated() != 1 || h.associations() != 0 || h.disk.count() != 1 || h.hub.Meter.Restored.Load() != 1 {
						t.Fatalf("round %d: %d hibernate, %d are active, %d are on the disk", round, h.hibernated(), h.associations(), h.disk.count())
					}
					if got := d.heard(); len(got) != 0 {
						t.Errorf("round %d: the device heard %+v of the restart", round, got)
					}
					d.send(record.TypeApplicationData, postBS(round)...) // a duplicate: no number is reserved for an answer yet
					time.Sleep(time.Second)
					d.asks(round) // it comes once more, and is answered from what was kept
					time.Sleep(100 * time.Hour)
				}
				peers := h.asked.peers()
				if len(peers) != 12 || peers[11].Identity != "device" || peers[11].Stale != nil {
					t.Errorf("asked: %+v", peers)
				}
				if n := h.hub.Meter.Snapshot(); n.Dropped.Total() != 0 || n.Unkept != 0 {
					t.Errorf("counters %+v", n)
				}
			})
		})
	}
}

// What has ended, or made room for others, is not on the disk either, and does not come back.
func TestEndedAssociationsAreNotKept(t *testing.T) {
	inRestartable(t, func(cfg *Config) { cfg.DTLS.MaxHibernated = 3 }, func(h *restartable) {
		var devices []*device
		for i := range 6 {
			d := h.join(peerAt(uint16(9+i)), dtls.WithPSKIdentityHint(fmt.Appendf(nil, "device-%d", i)))
			d.asks(1)
			h.settled()
			devices = append(devices, d)
		}
		if h.disk.count() != 3 {
			t.Errorf("%d associations are on the disk", h.disk.count())
		}
		h.restart(true)
		if h.hibernated() != 3 || devices[2].association() != nil || devices[3].association() == nil {
			t.Errorf("%d hibernate", h.hibernated())
		}
		devices[4].send(record.TypeAlert, alertWarning, alertCloseNotify) // unanswered: no number is reserved
		h.settled()
		if h.disk.count() != 2 {
			t.Errorf("after close_notify %d associations are on the disk", h.disk.count())
		}
		again := h.join(devices[5].peer, dtls.WithPSKIdentityHint([]byte("device-5")))
		h.settled()
		if h.disk.count() != 1 {
			t.Errorf("after a new handshake %d associations are on the disk", h.disk.count())
		}
		again.asks(2)
		h.settled()
		h.cfg.DTLS.MaxHibernated = 1
		h.restart(false)
		h.settled()
		if h.hibernated() != 1 || h.disk.count() != 1 || again.association() == nil {
			t.Errorf("with a lower limit %d hibernate, %d are on the disk", h.hibernated(), h.disk.count())
		}
		again.asks(3)
	})
}

// A session that takes long is kept while it goes on.
func TestLongSessionsAreKept(t *testing.T) {
	neverDone := func(cfg *Config) { cfg.Exchange.Handler = coaptest.HandlerFunc(coaptest.NotFound) } // which does not let it hibernate
	inRestartable(t, neverDone, func(h *restartable) {
		d := h.join(peerAt(9))
		d.send(record.TypeApplicationData, postBS(1)...)
		time.Sleep(persistLaterDelay - time.Second)
		if synctest.Wait(); h.disk.count() != 0 {
			t.Error("it is kept at once")
		}
		time.Sleep(time.Second)
		if synctest.Wait(); h.disk.count() != 1 || d.hibernates() {
			t.Errorf("%d associations are on the disk", h.disk.count())
		}
		h.restart(true)
		d.asks(2)
	})
}

// A new device waits for no disk; one that comes back waits until its request is recorded.
func TestWhoWaitsForTheDisk(t *testing.T) {
	const slow = 20 * time.Second
	inRestartable(t, nil, func(h *restartable) {
		h.keeper.set(func() { h.keeper.slow = slow })
		d := h.join(peerAt(9))
		d.asks(1)
		d.asks(2)
		time.Sleep(2 * slow)
		for round := range byte(3) {
			d.sleeps()
			if got := d.send(record.TypeApplicationData, postBS(10+round)...); len(got) != 0 {
				t.Fatalf("round %d: answered before it was recorded: %+v", round, got)
			}
			time.Sleep(2 * slow) // one may have been under way
			if got := d.heard(); len(got) != 1 {
				t.Fatalf("round %d: answered by %+v", round, got)
			}
			time.Sleep(slow + 2*persistDelay)
			if round == 1 {
				h.next = func(k *diskKeeper) { k.slow = slow }
				h.restart(true)
			}
		}
	})
}

// Until all are back that were kept, records without an association are dropped under a reason of their
// own; a new device gets in, and what has come since counts more than what was kept.
func TestRestoring(t *testing.T) {
	inRestartable(t, nil, func(h *restartable) {
		old := h.join(peerAt(9))
		old.asks(1)
		with := h.join(peerAt(10), dtls.WithPSKIdentityHint([]byte("device-2")), dtls.WithConnectionIDGenerator(func() []byte { return []byte{} }))
		with.asks(1)
		h.settled()
		reading := make(chan struct{})
		h.next = func(k *diskKeeper) { k.reading = reading }
		h.restart(true)
		for _, d := range []*device{old, with} {
			if got := d.send(record.TypeApplicationData, postBS(2)...); len(got) != 0 {
				t.Errorf("answered by %+v", got)
			}
		}
		if n := h.hub.Meter.Snapshot(); n.Dropped[traffic.DropRestoring] != 2 || n.Dropped.Total() != 2 {
			t.Errorf("dropped %+v", n.Dropped)
		}
		fresh := h.join(peerAt(9))
		fresh.asks(3)
		close(reading)
		synctest.Wait()
		with.asks(4)
		fresh.asks(5)
		if got := h.hub.Meter.Restored.Load(); got != 1 {
			t.Errorf("%d were restored", got)
		}
		h.settled()
		if h.disk.count() != 2 {
			t.Errorf("%d associations are on the disk", h.disk.count())
		}
		if got := old.send(record.TypeApplicationData, postBS(6)...); len(got) != 0 || h.hub.Meter.Snapshot().Dropped[traffic.DropRestoring] != 2 {
			t.Errorf("the old association goes on: %+v", got)
		}
	})
}

// An association of another listener is left for that one.
func TestAssociationsOfOtherListeners(t *testing.T) {
	inRestartable(t, nil, func(h *restartable) {
		d := h.join(peerAt(9))
		d.asks(1)
		h.settled()
		h.stop(false)
		in, err := h.keeper.Kept(t.Context(), kept.Key{}, 1)
		if err != nil || len(in) != 1 {
			t.Fatal(in, err)
		}
		s, err := kept.Decode(in[0].State.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		s.At = netip.MustParseAddrPort("127.0.0.1:5685")
		encoded, err := s.Encode()
		if err != nil {
			t.Fatal(err)
		}
		h.disk.kept[in[0].Key] = kept.Association{Key: in[0].Key, State: lwm2m.NewSecret(encoded)}
		h.start()
		if h.settled(); h.hibernated() != 0 || h.disk.count() != 1 {
			t.Errorf("%d hibernate, %d are on the disk", h.hibernated(), h.disk.count())
		}
	})
}

// Where the disk fails devices are served as if nothing was kept, and nothing is after a
// restart; when it works again all are kept that hibernate.
func TestFailingDisk(t *testing.T) {
	for _, done := range []bool{false, true} {
		inRestartable(t, nil, func(h *restartable) {
			d := h.join(peerAt(9))
			d.asks(1)
			h.settled()
			h.restart(true) // now it can send nothing before numbers are reserved
			broken := func(k *diskKeeper) { k.fails = func() (bool, bool) { return true, done } }
			h.keeper.set(func() { broken(h.keeper) })
			for i := range byte(100) {
				d.asks(10 + i)
			}
			d.sleeps()
			d.asks(200)
			if got := h.hub.Meter.Snapshot(); got.Unkept == 0 {
				t.Errorf("counters %+v", got)
			}
			h.keeper.set(func() { h.keeper.fails = func() (bool, bool) { return false, false } })
			time.Sleep(3 * persistRetry)
			if synctest.Wait(); h.disk.count() != 1 {
				t.Errorf("%d associations are on the disk", h.disk.count())
			}
			h.restart(true)
			d.asks(201)
			h.keeper.set(func() { broken(h.keeper) })
			d.sleeps()
			d.asks(202)
			h.restart(true)
			if h.hibernated() != 0 {
				t.Error("what could not be kept up to date came back")
			}
		})
	}
}

// Where not even that can be noted on the disk, no request is taken twice, no number used
// twice: who comes back on a kept association is refused, and told so while there are
// numbers. New devices are served.
func TestDiskThatTakesNothing(t *testing.T) {
	inRestartable(t, nil, func(h *restartable) {
		d := h.join(peerAt(9))
		d.asks(1)
		h.settled()
		h.keeper.set(func() {
			h.keeper.fails = func() (bool, bool) { return true, false }
			h.keeper.noVoid = errDisk
		})
		got := d.send(record.TypeApplicationData, postBS(2)...)
		if len(got) != 2 || got[0].Content[1] != byte(lwm2m.CodeServiceUnavailable) || got[1].ContentType != record.TypeAlert {
			t.Errorf("answered by %+v", got)
		}
		h.join(peerAt(10), dtls.WithPSKIdentityHint([]byte("device-2"))).asks(1)
		h.keeper.set(func() { h.keeper.noVoid = nil })
		time.Sleep(persistRetry + time.Second)
		d.asks(3)
		if len(h.asked.peers()) != 3 {
			t.Errorf("%d requests were handled", len(h.asked.peers()))
		}
	})
}

// Without a place to keep anything devices are served all the same, and it is looked for one
// again.
func TestKeeperThatIsNotReady(t *testing.T) {
	inRestartable(t, nil, func(h *restartable) {
		d := h.join(peerAt(9))
		d.asks(1)
		h.next = func(k *diskKeeper) { k.resume = errDisk }
		h.restart(false)
		fresh := h.join(peerAt(10), dtls.WithPSKIdentityHint([]byte("device-2")))
		fresh.asks(1)
		fresh.sleeps()
		fresh.asks(2)
		if h.persister.isRestoring() || h.hub.Meter.Unkept.Load() == 0 {
			t.Error("it waits for associations of before")
		}
		h.keeper.set(func() { h.keeper.resume = nil })
		time.Sleep(persistRetry)
		synctest.Wait()
		d.asks(3)
		if h.hub.Meter.Restored.Load() != 1 {
			t.Error("what was kept did not come back")
		}
	})
}

// A disk that does not answer holds up the end of a listener only for so long.
func TestEndWithoutAnswerOfTheDisk(t *testing.T) {
	inRestartable(t, nil, func(h *restartable) {
		d := h.join(peerAt(9))
		d.asks(1)
		h.keeper.set(func() { h.keeper.slow = time.Hour })
		began := time.Now()
		h.stop(false)
		if took := time.Since(began); took != stopPatience {
			t.Errorf("it took %v", took)
		}
		time.Sleep(2 * time.Hour) // until the goroutine has ended
	})
}

// A numberWatch looks at every datagram for what must never happen.
type numberWatch struct {
	mu      sync.Mutex
	t       *testing.T
	devices []*device
	sent    map[string][]byte // records of the server, by device and number
	up      [][]byte          // all of the devices
	from    []udp.Peer        // of each
	handled map[string]int    // requests, by their query
}

// see looks at a datagram of the server: a number must not be used for two.
func (r *numberWatch) see(b []byte) {
	for len(b) > 0 {
		record, rest, ok := cutRecord(b)
		if !ok {
			return // of a handshake
		}
		b = rest
		for i, d := range r.devices {
			if _, ok := d.layer.Decrypt(record); !ok {
				continue
			}
			key := fmt.Sprintf("device %d, number %d", i, record.Number())
			whole := slices.Concat(record.Header, record.Content)
			if before, used := r.sent[key]; used && !bytes.Equal(before, whole) {
				r.t.Errorf("%s was used twice", key)
			}
			r.sent[key] = whole
		}
	}
}

// watchedCID is the connection ID of devices whose datagrams a reckoning looks at.
var watchedCID = []byte{9, 9}

// cutRecord cuts the first sealed record off a datagram of the server.
func cutRecord(b []byte) (record.Record, []byte, bool) {
	size := record.HeaderSize
	if len(b) > 0 && b[0] == record.TypeCID {
		size += len(watchedCID)
	}
	if len(b) < size {
		return record.Record{}, nil, false
	}
	n := int(b[size-2])<<8 | int(b[size-1])
	if size+n > len(b) {
		return record.Record{}, nil, false
	}
	return record.Record{Header: b[:size:size], Content: b[size : size+n : size+n]}, b[size+n:], true
}

// asking is POST /bs with a query.
func asking(mid uint16, query string) []byte {
	b := []byte{0x40, 2, byte(mid >> 8), byte(mid), 0xb2, 'b', 's', 0x40 | byte(len(query))}
	return append(b, query...)
}

// Whatever fails, is replayed, and whenever the process is killed: no number of a record is
// used twice, and no request is handled twice.
func TestNothingTwice(t *testing.T) {
	rounds := uint64(30)
	if testing.Short() {
		rounds = 10
	}
	var handled, restored uint64
	for seed := range rounds {
		h, r := watchNumbers(t, seed)
		handled, restored = handled+h, restored+r
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	if handled < rounds*10 || restored < rounds {
		t.Errorf("only %d requests were handled and %d associations restored: nothing was tested", handled, restored)
	}
	t.Logf("%d requests were handled once, %d associations restored", handled, restored)
}

// watchNumbers plays one random story.
func watchNumbers(t *testing.T, seed uint64) (handled, restored uint64) {
	random := rand.New(rand.NewPCG(seed, 7))
	r := &numberWatch{t: t, sent: make(map[string][]byte), handled: make(map[string]int)}
	inRestartable(t, func(cfg *Config) {
		cfg.Exchange.Handler = coaptest.HandlerFunc(func(_ context.Context, c bootstrap.Conn, q bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.handled[q.Queries[0]]++; r.handled[q.Queries[0]] > 1 {
				t.Errorf("request %s was handled twice", q.Queries[0])
			}
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(context.Context) { c.Release() }
		})
	}, func(h *restartable) {
		h.lose = func(_ udp.Peer, up bool, b []byte) bool {
			r.mu.Lock()
			defer r.mu.Unlock()
			if !up {
				r.see(b)
			}
			return false
		}
		join := func(i int) *device {
			options := []dtls.ClientOption{dtls.WithPSKIdentityHint(fmt.Appendf(nil, "device-%d", i))}
			if seed%2 == 1 {
				options = append(options, dtls.WithConnectionIDGenerator(func() []byte { return watchedCID }))
			}
			d := h.join(peerAt(uint16(9+i)), options...)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.devices = append(r.devices, d)
			return d
		}
		devices := []*device{join(0), join(1), join(2)}
		behave := func(k *diskKeeper) {
			k.slow = time.Duration(random.IntN(3)) * 400 * time.Millisecond
			bad := random.IntN(5)
			k.fails = func() (fails, done bool) { return bad == 0, seed%3 == 0 }
			k.noVoid = nil
			if random.IntN(3) == 0 {
				k.noVoid = errDisk
			}
		}
		h.next = behave
		h.tune = func(k *persister) { k.reserve, k.skip = 24, 1 }
		h.tune(h.persister) // before anything is kept
		for mid := range uint16(120) {
			i := random.IntN(len(devices))
			if devices[i].association() == nil {
				devices[i] = join(i)
			}
			d := devices[i]
			switch random.IntN(12) {
			case 0:
				restored += h.hub.Meter.Restored.Load()
				h.restart(true)
			case 1:
				restored += h.hub.Meter.Restored.Load()
				h.restart(false)
			case 2:
				h.keeper.set(func() { behave(h.keeper) })
			case 3, 4, 5:
				time.Sleep(time.Duration(random.Int64N(int64(20 * time.Second))))
			case 6:
				time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
			case 7, 8:
				for range min(20, len(r.up)) { // an attacker repeats what was heard
					i := random.IntN(len(r.up))
					h.up(r.from[i], r.up[i])
				}
			default:
				for range 1 + random.IntN(40) {
					b := d.seal(record.TypeApplicationData, asking(mid, fmt.Sprintf("%d-%d", mid, d.layer.Next))...)
					r.up, r.from = append(r.up, b), append(r.from, d.peer)
					h.up(d.peer, b)
					if random.IntN(2) == 0 {
						synctest.Wait()
					}
				}
			}
			for _, d := range r.devices {
				d.in.Drain() // no client reads it
			}
		}
	})
	for _, n := range r.handled {
		handled += uint64(n)
	}
	return handled, restored
}
