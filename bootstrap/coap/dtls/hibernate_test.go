package dtls

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// A hibernationHandler is a handler that answers every request with 2.04 and has done then.
type hibernationHandler struct {
	mu    sync.Mutex
	asked []auth.Peer      // guarded by mu
	conns []bootstrap.Conn // guarded by mu
}

func (h *hibernationHandler) ServeRequest(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked, h.conns = append(h.asked, c.Peer()), append(h.conns, c)
	return bootstrap.Response{Code: lwm2m.CodeChanged}, func(context.Context) { c.Release() }
}

// peers are those who have asked, in order.
func (h *hibernationHandler) peers() []auth.Peer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked)
}

// inHibernation is inSimulation with a hibernationHandler.
func inHibernation(t *testing.T, set func(*Config), f func(b *simulatedListener, h *hibernationHandler)) {
	h := new(hibernationHandler)
	inSimulation(t, func(cfg *Config) {
		cfg.Exchange.Handler = h
		if set != nil {
			set(cfg)
		}
	}, func(b *simulatedListener) { f(b, h) })
}

// sleeps waits until the association of d hibernates, of which it must hear nothing.
func (d *device) sleeps() {
	d.b.t.Helper()
	time.Sleep(exchange.ReleaseDelay)
	synctest.Wait()
	if !d.hibernates() {
		d.b.t.Fatalf("the association of %v does not hibernate", d.peer)
	}
	if got := d.heard(); len(got) != 0 {
		d.b.t.Errorf("as its association went to rest %v heard %+v", d.peer, got)
	}
}

// hibernates reports whether the association of d does.
func (d *device) hibernates() bool {
	a := d.association()
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	return a != nil && a.hibernates
}

// association is that at the address of d, or with its connection ID.
func (d *device) association() *association {
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	if cid := d.layer.PeerCID; len(cid) > 0 {
		return d.b.cids[connectionID(cid)].association
	}
	return d.b.slots[d.peer].association
}

// A device that is done keeps its association, and bootstraps on it again whenever it
// likes; the server has nothing but a little memory for it in between.
func TestHibernation(t *testing.T) {
	inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
		d := b.join(peerAt(9))
		for round := range byte(5) {
			d.asks(round)
			d.sleeps()
			if b.associations() != 0 || b.hibernated() != 1 || b.hub.Count() != 0 {
				t.Errorf("%d active, %d hibernate, %d conns", b.associations(), b.hibernated(), b.hub.Count())
			}
			a := d.association()
			if !a.layer.Released() || a.conn != nil || a.flight != nil || a.requestTimer != nil {
				t.Errorf("it has more than it needs: %+v", a)
			}
			time.Sleep(1000 * time.Hour)
		}
		if got := h.peers(); len(got) != 5 || got[4].Identity != "device" || got[4].Remote != d.peer.String() || got[4].Stale != nil {
			t.Errorf("asked: %+v", got)
		}
		if h.conns[0] == h.conns[4] {
			t.Error("it is the same Conn")
		}
		if n := b.hub.Meter.Snapshot(); n.Woken != 4 || n.Evicted+n.Stale != 0 || n.Dropped.Total() != 0 {
			t.Errorf("counters %+v", n)
		}
	})
}

// What happens on an association before it is laid to rest has its time: duplicates are
// answered, and a new request keeps it awake.
func TestHibernationWaits(t *testing.T) {
	inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
		d := b.join(peerAt(9))
		d.asks(1)
		time.Sleep(exchange.ReleaseDelay / 2)
		d.asks(1) // from memory
		d.asks(2)
		time.Sleep(exchange.ReleaseDelay * 3 / 4)
		if d.hibernates() || len(h.peers()) != 2 {
			t.Errorf("it hibernates: %t; %d requests were handled", d.hibernates(), len(h.peers()))
		}
		d.sleeps()
	})
}

// A late duplicate of a request, which the device retransmits as the answer was lost, is answered after its
// association went to rest and begins nothing (RFC 7252 §4.5); so is one that the network delivers twice.
// After EXCHANGE_LIFETIME the message ID is free for another request.
func TestLateDuplicatesBeginNothing(t *testing.T) {
	inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
		d := b.join(peerAt(9))
		d.asks(1)
		d.asks(2)
		d.sleeps()
		for range 3 {
			time.Sleep(message.ExchangeLifetime / 5)
			d.asks(1)
			d.asks(2)
			d.sleeps()
		}
		if got := len(h.peers()); got != 2 {
			t.Errorf("%d requests were handled, want 2", got)
		}
		d.asks(3)
		d.sleeps()
		time.Sleep(message.ExchangeLifetime)
		d.asks(1)
		if got := len(h.peers()); got != 4 {
			t.Errorf("%d requests were handled, want 4", got)
		}
		if n := b.hub.Meter.Snapshot(); n.Duplicates != 6 {
			t.Errorf("%d duplicates, want 6", n.Duplicates)
		}
	})
}

// Who asks for something and is not told that this was all hibernates when nothing has
// happened for long, and so does who keeps silent.
func TestIdleAssociationsHibernate(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		d := b.join(peerAt(9))
		if got := d.send(record.TypeApplicationData, postBS(1)...); len(got) != 1 {
			t.Fatalf("answered by %+v", got)
		}
		time.Sleep(b.cfg.Exchange.IdleTimeout - time.Second)
		if d.hibernates() {
			t.Error("it hibernates too early")
		}
		time.Sleep(time.Second)
		d.sleeps()
	})
}

// With a connection ID the device is found wherever it comes from, with its new address
// from then on, also where another association has that address.
func TestHibernationMoves(t *testing.T) {
	for _, own := range [][]byte{{}, {8, 7, 6, 5, 4, 3, 2, 1}} {
		inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
			d := b.join(peerAt(9), dtls.WithConnectionIDGenerator(func() []byte { return own }))
			other := b.join(peerAt(10))
			for _, c := range []*device{d, other} {
				c.asks(1)
				c.sleeps()
			}
			for _, port := range []uint16{11, 10, 9} {
				before := d.peer
				d.peer = peerAt(port)
				if port != other.peer.Remote.Port() {
					d.in = b.connect(d.peer)
					d.asks(byte(port))
					d.sleeps()
				} else {
					d.in = other.in
					d.asks(byte(port))
					d.sleeps()
					other.asks(2)
					other.sleeps()
				}
				if a := b.associationAt(before); a == d.association() {
					t.Errorf("it is still found at %v", before)
				}
			}
			if got := h.peers(); got[2].Remote != peerAt(11).String() {
				t.Errorf("asked: %+v", got)
			}
		})
	}
}

// Forged records cost one attempt to open each, and wake none; nor does what has come
// before.
func TestForgedRecordsDoNotWake(t *testing.T) {
	inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
		d := b.join(peerAt(9))
		first := d.seal(record.TypeApplicationData, postBS(1)...)
		b.up(d.peer, first)
		d.heard()
		d.sleeps()
		forged := bytes.Clone(d.seal(record.TypeApplicationData, postBS(2)...))
		forged[len(forged)-1]++
		for range 1000 {
			b.up(d.peer, forged)
			b.up(d.peer, first)
		}
		synctest.Wait()
		if a := d.association(); !d.hibernates() || !a.layer.Released() || a.conn != nil {
			t.Errorf("it is awake: %+v", a)
		}
		if got := b.hub.Meter.Snapshot(); got.Dropped[traffic.DropNotAuthentic] != 1000 || got.Dropped[traffic.DropReplayed] != 1000 || got.Woken != 0 {
			t.Errorf("counters %+v", got)
		}
		if got := d.heard(); len(got) != 0 || len(h.peers()) != 1 {
			t.Errorf("heard %+v, asked %d times", got, len(h.peers()))
		}
		d.asks(3)
	})
}

// A peer that ends an association that hibernates is answered and forgotten, with its key,
// and without waking anything.
func TestHibernationEnds(t *testing.T) {
	inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
		d := b.join(peerAt(9))
		d.asks(1)
		d.sleeps()
		if got := d.send(record.TypeAlert, alertWarning, alertCloseNotify); len(got) != 1 || got[0].ContentType != record.TypeAlert {
			t.Errorf("close_notify is answered by %+v", got)
		}
		if n := b.hub.Meter.Snapshot(); d.association() != nil || b.hibernated() != 0 || n.Woken != 0 || len(b.slots)+len(b.cids)+len(b.hibernatingOf) != 0 {
			t.Errorf("%d hibernate, %d were woken", b.hibernated(), n.Woken)
		}
		if got := d.send(record.TypeApplicationData, postBS(2)...); len(got) != 0 || len(h.peers()) != 1 {
			t.Errorf("it goes on: %+v", got)
		}
	})
}

// A device that was restarted gets in from the address of its association that hibernates,
// which then ends; one that only begins a handshake ends nothing.
func TestHibernationAndHandshakes(t *testing.T) {
	inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
		d := b.join(peerAt(9))
		d.asks(1)
		d.sleeps()
		old := d.association()
		if _, err := b.shake(d.peer, "wrong", time.Second, 20*time.Second); err == nil {
			t.Fatal("let in with a wrong key")
		}
		d.in = b.connect(d.peer)
		d.asks(2)
		d.sleeps()
		d = b.join(d.peer)
		if a := d.association(); a == old || !old.ended || b.hibernated() != 0 {
			t.Errorf("the association is the one before; %d hibernate", b.hibernated())
		}
		d.asks(3)
	})
}

// Who has hibernated is looked at again: where it would not be let in today the handler is
// told why, and the peer to shake hands anew. One that does not listen is refused each time.
func TestReview(t *testing.T) {
	key, second, known := atomic.Pointer[string]{}, atomic.Pointer[string]{}, atomic.Bool{}
	keep, another, third := testKey, "another", "third"
	for _, tt := range []struct {
		name   string
		change func()
		want   error
	}{
		{"nothing has changed", func() {}, nil},
		{"another key", func() { key.Store(&another) }, auth.ErrKeyChanged},
		{"its key is the second", func() { key.Store(&another); second.Store(&keep) }, nil},
		{"its key is neither", func() { key.Store(&another); second.Store(&third) }, auth.ErrKeyChanged},
		{"a longer key", func() { other := keep + "\x00"; key.Store(&other) }, auth.ErrKeyChanged},
		{"no key", func() { known.Store(false) }, auth.ErrKeyUnknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			key.Store(&keep)
			second.Store(nil)
			known.Store(true)
			inHibernation(t, func(cfg *Config) {
				cfg.PSK = func(string) (secret lwm2m.Secret, err error) {
					if known.Load() {
						secret = lwm2m.NewSecret([]byte(*key.Load()))
					}
					return secret, nil
				}
				cfg.OtherPSK = func(string) (lwm2m.Secret, bool) {
					other := second.Load()
					if other == nil {
						return lwm2m.Secret{}, false
					}
					return lwm2m.NewSecret([]byte(*other)), true
				}
			}, func(b *simulatedListener, h *hibernationHandler) {
				d := b.join(peerAt(9))
				d.asks(1)
				tt.change()
				d.asks(2) // it was let in, and has not left
				d.sleeps()
				got := d.send(record.TypeApplicationData, postBS(3)...)
				if peers := h.peers(); len(peers) != 3 || !errors.Is(peers[2].Stale, tt.want) || peers[1].Stale != nil {
					t.Errorf("asked %+v, want %v", peers, tt.want)
				}
				stale := b.hub.Meter.Snapshot().Stale
				if tt.want == nil {
					if len(got) != 1 || stale != 0 {
						t.Errorf("answered by %+v; %d were stale", got, stale)
					}
					d.sleeps()
					return
				}
				if len(got) != 2 || got[0].ContentType != record.TypeApplicationData || got[1].ContentType != record.TypeAlert || stale != 1 {
					t.Errorf("answered by %+v; %d were stale", got, stale)
				}
				again := d.send(record.TypeApplicationData, postBS(4)...)
				d.sleeps()
				once := d.send(record.TypeApplicationData, postBS(5)...)
				if peers := h.peers(); len(peers) != 5 || !errors.Is(peers[3].Stale, tt.want) || !errors.Is(peers[4].Stale, tt.want) || len(again) != 2 || len(once) != 2 {
					t.Errorf("once more it is answered by %+v, then %+v; asked %+v", again, once, peers)
				}
			})
		})
	}
}

// The certificates of a peer are there again when it wakes, and are looked at again.
func TestReviewOfCertificates(t *testing.T) {
	root := certtest.NewAuthority(t, "root")
	server := root.Server(t, "server", certtest.P256(t))
	client := root.Authority(t, "issuer").Client(t, "urn:dev:1")
	var refused atomic.Bool
	why := errors.New("revoked")
	var chains [][]*x509.Certificate
	inHibernation(t, func(cfg *Config) {
		cfg.DTLS.Certificates = func() []tls.Certificate { return []tls.Certificate{server} }
		cfg.DTLS.VerifyClient = func(chain []*x509.Certificate) error {
			chains = append(chains, chain)
			if refused.Load() {
				return why
			}
			return nil
		}
	}, func(b *simulatedListener, h *hibernationHandler) {
		d := b.joinWith(peerAt(9), pion.SuiteOption(record.CertificateSuites()), dtls.WithInsecureSkipVerify(true),
			dtls.WithGetClientCertificate(func(*dtls.CertificateRequestInfo) (*tls.Certificate, error) { return &client, nil }))
		d.asks(1)
		d.sleeps()
		if c := d.association().credential; c.chain != nil || c.own == "" {
			t.Errorf("it keeps %+v", c)
		}
		d.asks(2)
		d.sleeps()
		refused.Store(true)
		if got := d.send(record.TypeApplicationData, postBS(3)...); len(got) != 2 {
			t.Errorf("answered by %+v", got)
		}
		peers := h.peers()
		for _, p := range peers {
			if len(p.Chain) != len(peers[0].Chain) || !p.Chain[0].Equal(peers[0].Chain[0]) || len(p.Chain) == 0 {
				t.Errorf("asked by %+v", p)
			}
		}
		if len(peers) != 3 || peers[1].Stale != nil || peers[2].Stale != why || len(chains) != 3 || !chains[1][0].Equal(chains[0][0]) {
			t.Errorf("asked by %d peers, the last with %v; %d chains were looked at", len(peers), peers[2].Stale, len(chains))
		}
	})
}

// At the limit the one heard of longest ago is evicted, and of one peer the third; no peer is told, and
// who is active is not counted.
func TestHibernationLimits(t *testing.T) {
	inHibernation(t, func(cfg *Config) { cfg.DTLS.MaxHibernated = 3 }, func(b *simulatedListener, h *hibernationHandler) {
		var devices []*device
		for i := range 5 {
			d := b.join(peerAt(uint16(9+i)), dtls.WithPSKIdentityHint(fmt.Appendf(nil, "device-%d", i)))
			d.asks(1)
			d.sleeps()
			devices = append(devices, d)
			if i == 2 { // now the second is the one longest unheard
				devices[0].asks(2)
				devices[0].sleeps()
			}
		}
		here := func() (out []int) {
			for i, d := range devices {
				if d.association() != nil {
					out = append(out, i)
				}
			}
			return out
		}
		if got := here(); !slices.Equal(got, []int{0, 3, 4}) || b.hibernated() != 3 || b.hub.Meter.Snapshot().Evicted != 2 {
			t.Errorf("%v hibernate", got)
		}
		for _, d := range devices {
			if got := d.heard(); len(got) != 0 {
				t.Errorf("%v was told %+v", d.peer, got)
			}
		}
		if len(b.hibernatingOf) != 3 || len(b.slots) != 3 {
			t.Errorf("%d sleepers, %d slots", len(b.hibernatingOf), len(b.slots))
		}
	})
	inHibernation(t, nil, func(b *simulatedListener, h *hibernationHandler) {
		var devices []*device
		for i := range 4 {
			d := b.join(peerAt(uint16(9 + i)))
			d.asks(1)
			if i < 3 {
				d.sleeps()
			}
			devices = append(devices, d)
		}
		if devices[0].association() != nil || b.hibernated() != maxSiblings || len(b.hibernatingOf) != 1 {
			t.Errorf("%d of one peer hibernate, of %d peers", b.hibernated(), len(b.hibernatingOf))
		}
		for _, d := range devices[1:] {
			d.asks(2)
		}
		if b.hibernated() != 0 || len(b.hibernatingOf) != 0 {
			t.Errorf("%d of %d peers hibernate", b.hibernated(), len(b.hibernatingOf))
		}
	})
}

// Where there is no room among those that are active, one that hibernates wakes when
// another rests, and else has to come again.
func TestWakingTakesARoom(t *testing.T) {
	var busy chan struct{}
	inSimulation(t, func(cfg *Config) {
		cfg.MaxPeers = 1
		cfg.Exchange.Handler = coaptest.HandlerFunc(func(_ context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(context.Context) {
				if len(r.Queries) > 0 {
					<-busy
				}
			}
		})
	}, func(b *simulatedListener) {
		busy = make(chan struct{})
		one := b.join(peerAt(9))
		one.asks(1)
		time.Sleep(minSilence)
		two := b.join(peerAt(10), dtls.WithPSKIdentityHint([]byte("device-2")))
		two.asks(1)
		if b.associations() != 1 || b.hibernated() != 1 || len(one.heard()) != 0 {
			t.Errorf("%d are active, %d hibernate", b.associations(), b.hibernated())
		}
		if got := one.send(record.TypeApplicationData, postBS(2)...); len(got) != 0 || b.hub.Meter.Snapshot().Dropped[traffic.DropTableFull] != 1 {
			t.Errorf("answered by %+v, though the other was heard just now", got)
		}
		time.Sleep(minSilence)
		one.asks(3)
		one.send(record.TypeApplicationData, append(postBS(4), 0x41, 'x')...) // Uri-Query
		time.Sleep(minSilence)
		if got := two.send(record.TypeApplicationData, postBS(5)...); len(got) != 0 {
			t.Errorf("answered by %+v, though the other has business", got)
		}
		close(busy)
		synctest.Wait()
		two.asks(6)
		if n := b.hub.Meter.Snapshot(); b.associations() != 1 || b.hibernated() != 1 || n.Woken != 2 || b.hub.Count() != 1 {
			t.Errorf("%d are active, %d hibernate; %+v", b.associations(), b.hibernated(), n)
		}
	})
}

// Where none may hibernate, associations end instead, and their peers are told.
func TestNoHibernation(t *testing.T) {
	inHibernation(t, func(cfg *Config) { cfg.DTLS.MaxHibernated = -1 }, func(b *simulatedListener, h *hibernationHandler) {
		d, silent := b.join(peerAt(9)), b.join(peerAt(10))
		d.asks(1)
		time.Sleep(b.cfg.DTLS.RequestTimeout)
		for _, d := range []*device{d, silent} {
			if got := d.heard(); len(got) != 1 || got[0].ContentType != record.TypeAlert || d.association() != nil {
				t.Errorf("heard %+v", got)
			}
		}
		if b.hibernated()+b.associations() != 0 || len(b.slots) != 0 {
			t.Error("something is left")
		}
	})
}

// A request that comes just as its association goes to rest is answered all the same.
func TestRestAgainstArrival(t *testing.T) {
	var handled atomic.Int64
	m := newTestMux(t, func(cfg *Config) {
		cfg.HandshakeFailed = nil
		cfg.Exchange.Handler = coaptest.HandlerFunc(func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			handled.Add(1)
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(context.Context) { c.Linger(0) }
		})
	})
	m.start()
	const clients, requests = 4, 300
	var wg sync.WaitGroup
	for i := range clients {
		c, _, err := dialTest(t.Context(), m.socket.Addr().String(), pion.Client{Identity: fmt.Sprintf("device-%d", i), Key: lwm2m.NewSecret([]byte("key"))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		wg.Go(func() {
			for range requests {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				_, err := c.Do(ctx, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}})
				cancel()
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	n := m.hub.Meter.Snapshot()
	if handled.Load() != clients*requests || n.Woken == 0 {
		t.Errorf("%d requests were handled, want %d; %d times one was woken", handled.Load(), clients*requests, n.Woken)
	}
	t.Logf("woken %d times in %d requests", n.Woken, clients*requests)
}

// fillHibernating lets n associations of different peers hibernate that have these
// certificates, if any, and connection IDs or not.
func fillHibernating(m *mux, n int, withCID bool, chain func(i int) []*x509.Certificate) {
	for i := range n {
		h := &handshake{mux: m, peer: udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5684)}}
		agreed := pion.Agreement{Suite: record.PSKWithAES128CCM8, Master: make([]byte, 48), ServerRandom: make([]byte, record.RandomSize)}
		if chain != nil {
			h.claim.chain = chain(i)
			agreed.Suite = record.ECDSAWithAES256GCMSHA384
		} else {
			h.claim.identity = fmt.Sprintf("urn:imei:%015d", i)
		}
		if withCID {
			m.assign(h)
			h.offer.CID = make([]byte, 8)
		}
		a := newAssociation(h, h.layerOf(agreed), nil)
		a.memory = exchange.Memory(make([]byte, 8+1+2+1+8+1+12)) // of a Bootstrap-Request with a token of 8 bytes
		m.mu.Lock()
		m.index(a)
		a.place = m.active.PushFront(a)
		do(m.hibernateLocked(a))
		m.mu.Unlock()
	}
}

// heapOf is how many bytes what f makes takes.
func heapOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after)
	return after.HeapAlloc - before.HeapAlloc
}

// An association that hibernates takes about a kilobyte and no goroutine; one with a
// certificate takes as much more as that has.
func TestHibernatedSize(t *testing.T) {
	const n, most = 20_000, 1100
	root := certtest.NewAuthority(t, "root")
	issuer := root.Authority(t, "issuer")
	leaves := certtest.Chain(t, issuer.Client(t, "urn:imei:000000000000000"))
	size := len(leaves[0].Raw)
	for _, tt := range []struct {
		name  string
		cid   bool
		chain func(i int) []*x509.Certificate
		most  int
	}{
		{"pre-shared key", false, nil, most},
		{"connection ID", true, nil, most},
		{"certificate", true, func(i int) []*x509.Certificate {
			leaf := &x509.Certificate{Raw: bytes.Clone(leaves[0].Raw)} // each one is another
			binary.BigEndian.PutUint32(leaf.Raw[size-4:], uint32(i))
			return append([]*x509.Certificate{leaf}, leaves[1:]...)
		}, most + size + 150},
	} {
		m := newTestMux(t, func(*Config) {})
		goroutines := runtime.NumGoroutine()
		each := heapOf(func() { fillHibernating(m, n, tt.cid, tt.chain) }) / n
		t.Logf("%s: %d bytes (certificate: %d)", tt.name, each, size)
		if each > uint64(tt.most) || each < 300 || m.hibernated() != n {
			t.Errorf("%s: %d bytes each, want at most %d; %d hibernate", tt.name, each, tt.most, m.hibernated())
		}
		if more := runtime.NumGoroutine() - goroutines; more > 10 {
			t.Errorf("%s: %d more goroutines", tt.name, more)
		}
		runtime.KeepAlive(m)
	}
}
