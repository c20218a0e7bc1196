package dtls

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/unknown"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/otherprotocol"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/store"
)

// A mux finds the handshake or the association that a datagram of one socket is for. Its read
// loop never blocks.
type mux struct {
	cfg            Config
	tasks          *tasks.Group
	meter          *traffic.Meter
	hub            *exchange.Hub
	socket         *udp.Socket
	keys           *keyFinder
	otherKeys      otherKeys
	sources        *admission.SourceLimiter
	otherProtocols *otherprotocol.Collector
	monitor        monitor
	persister      *persister // nil where no association is kept

	unknowns *unknown.Records

	cookies hello.CookieMaker

	mu          sync.Mutex
	partials    *hello.Reassembler    // guarded by mu
	slots       map[udp.Peer]slot     // guarded by mu; no empty ones
	cids        map[connectionID]slot // guarded by mu; no empty ones
	active      *list.List            // of *association, last heard first; guarded by mu
	hibernating *list.List            // the same of those that hibernate; guarded by mu

	peers map[peerName][]*association // those of active by their peers; guarded by mu

	// hibernatingOf are those that hibernate by their peers; of each the last one, and
	// the others as its siblings; guarded by mu.
	hibernatingOf map[peerName]*association

	limiter        *admission.HandshakeLimiter // guarded by mu
	pending        *admission.HandshakeQueue   // guarded by mu
	requests       int                         // guarded by mu; that are handled
	admissionTimer *time.Timer                 // guarded by mu; nil where none is due
}

// A slot has the handshake and the association at one address and port, or under one connection ID.
//
// A device that lost power comes back with a ClientHello from the port that it had
// before, and must be admitted at once; but a ClientHello can be forged. So the new
// handshake runs beside the others and replaces an older one only when it has come as
// far: a returned cookie replaces a handshake, and a complete handshake the association
// (RFC 6347 §4.2.8).
type slot struct {
	handshake   *handshake
	association *association
}

func newMux(cfg Config, s *udp.Socket, g *tasks.Group, meter *traffic.Meter) *mux {
	m := &mux{
		cfg:            cfg,
		tasks:          g,
		meter:          meter,
		socket:         s,
		keys:           newKeyFinder(cfg.PSK, cfg.OtherPSK, g.Panics),
		sources:        admission.NewSourceLimiter(cfg.NewPeers),
		otherProtocols: otherprotocol.NewCollector(g, cfg.OtherProtocol, store.TransportDTLS),
		unknowns:       unknown.New(g, cfg.DTLS.UnknownAssociation, cfg.DTLS.KnownAddress, cfg.DTLS.ReplicaID),
		cookies:        hello.NewCookieMaker(),
		slots:          make(map[udp.Peer]slot),
		cids:           make(map[connectionID]slot),
		active:         list.New(),
		hibernating:    list.New(),
		peers:          make(map[peerName][]*association),
		hibernatingOf:  make(map[peerName]*association),
		limiter:        admission.NewHandshakeLimiter(cfg.DTLS.MaxHandshakes, cfg.DTLS.MaxHandshakesPerNet),
		pending:        admission.NewHandshakeQueue(),
		monitor:        new(admission.LoadMonitor),
	}
	m.partials = hello.NewReassembler(m.returned)
	if k := cfg.DTLS.Keeper; k != nil && cfg.DTLS.MaxHibernated > 0 {
		m.persister = newPersister(m, k)
	}
	m.hub = exchange.NewHub(cfg.Exchange, g, meter, m)
	return m
}

// start reads until the socket is closed.
func (m *mux) start() {
	m.persister.start()
	m.tasks.Go(func() { m.socket.Read(m.take) })
}

// close ends every association, tells the peers of those that are active, and closes the
// socket. Where associations are kept on disk they go on after a restart, and no peer is told.
func (m *mux) close() error {
	if m.outlives() {
		m.hibernateAll()
		err := m.socket.Close()
		m.persister.stop()
		return err
	}
	m.mu.Lock()
	for _, s := range m.slots {
		if s.handshake != nil {
			s.handshake.timer.Stop()
		}
	}
	var after []func()
	for m.active.Len() > 0 {
		after = append(after, m.end(m.active.Front().Value.(*association), true)...)
	}
	for m.hibernating.Len() > 0 {
		after = append(after, m.end(m.hibernating.Front().Value.(*association), false)...)
	}
	m.mu.Unlock()
	do(after)
	return m.socket.Close()
}

// associations is how many are active.
func (m *mux) associations() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.active.Len()
}

// hibernated is how many hibernate.
func (m *mux) hibernated() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hibernating.Len()
}

// handshakes is how many are under way.
func (m *mux) handshakes() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.limiter.Len()
}

// handshakeAs returns the newest handshake under way whose peer has named this PSK identity.
func (m *mux) handshakeAs(identity string) (from netip.AddrPort, since time.Time, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.slots {
		if h := s.handshake; h != nil && h.claimed && h.claim.identity == identity && h.started.After(since) {
			from, since, ok = h.peer.Remote, h.started, true
		}
	}
	return from, since, ok
}

// holding calls f with mu locked, and unlocks it also where f panics.
func holding(mu sync.Locker, f func()) {
	mu.Lock()
	defer mu.Unlock()
	f()
}
