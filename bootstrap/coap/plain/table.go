package plain

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/otherprotocol"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// evictionTries is how many of the peers that made no request for longest are looked at for one
// to evict.
const evictionTries = 8

// A table has the conns on a socket by their peers.
type table struct {
	hub            *exchange.Hub
	cfg            Config
	tasks          *tasks.Group
	meter          *traffic.Meter
	socket         *udp.Socket
	sources        *admission.SourceLimiter
	otherProtocols *otherprotocol.Collector

	mu    sync.Mutex
	links map[udp.Peer]*link          // guarded by mu
	order *list.List                  // of *link   , the last to make a request first; guarded by mu
	hosts map[netip.Prefix]*list.List // the same for each host; guarded by mu; no empty ones
	left  memories                    // of peers whose conn has ended; guarded by mu
}

// A link is the way to one peer over a shared socket. It is an [exchange.UnvalidatedLink].
type link struct {
	table       *table
	peer        udp.Peer
	control     []byte // names the source address of replies; nil where there is only one
	reservation admission.Reservation
	conn        *exchange.Conn

	place     *list.Element // in the order of the table
	hostPlace *list.Element // in that of the host
}

func newTable(h *exchange.Hub, cfg Config, s *udp.Socket) *table {
	return &table{
		hub:            h,
		cfg:            cfg,
		tasks:          h.Tasks,
		meter:          h.Meter,
		socket:         s,
		sources:        admission.NewSourceLimiter(cfg.NewPeers),
		otherProtocols: otherprotocol.NewCollector(h.Tasks, cfg.OtherProtocol, store.TransportPlain),
		links:          make(map[udp.Peer]*link),
		order:          list.New(),
		hosts:          make(map[netip.Prefix]*list.List),
	}
}

// Send implements [exchange.Link].
func (l *link) Send(b []byte) error { return l.table.socket.Write(b, l.control, l.peer.Remote) }

// Validated implements [exchange.UnvalidatedLink].
func (l *link) Validated() { l.table.sources.Validate(l.reservation, time.Now()) }

// Close implements [exchange.Link]: the next request of the peer opens another association.
func (l *link) Close() error {
	t, now := l.table, time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[l.peer] != l {
		return nil
	}
	t.left.add(l.peer, l.conn.Memory(now), now)
	delete(t.links, l.peer)
	t.order.Remove(l.place)
	host := l.host()
	ofHost := t.hosts[host]
	ofHost.Remove(l.hostPlace)
	if ofHost.Len() == 0 {
		delete(t.hosts, host)
	}
	return nil
}

// host is what the peers of one address have in common: a device with IPv6 may use any
// address of its /64.
func (l *link) host() netip.Prefix { return hostOf(l.peer.Remote.Addr()) }

func hostOf(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return admission.SubscriberOf(a)
}

// find returns the conn of peer, nil where there is none, and notes a request of it.
func (t *table) find(peer udp.Peer, asks bool) *exchange.Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.links[peer]
	if l == nil {
		return nil
	}
	if asks {
		t.order.MoveToFront(l.place)
		t.hosts[l.host()].MoveToFront(l.hostPlace)
	}
	return l.conn
}

// admit returns a new conn for peer, with its reservation, or the limit that is reached. Only the
// read loop calls it.
func (t *table) admit(peer udp.Peer, r admission.Reservation) (*exchange.Conn, traffic.DropReason) {
	l := &link{table: t, peer: peer, control: udp.SourceControl(peer.Local), reservation: r}
	host := l.host()
	switch {
	case !evict(t.fullHost(host)):
		return nil, traffic.DropAddressFull
	case !evict(t.full()):
		return nil, traffic.DropTableFull
	}
	t.mu.Lock()
	before := t.left.take(peer, time.Now())
	t.mu.Unlock()
	c := t.hub.NewConn(l, auth.Peer{Remote: peer.Remote.String(), Local: t.socket.LocalOf(peer), Transport: "coap"}, before)
	if c == nil {
		return nil, traffic.DropEnding
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ofHost := t.hosts[host]
	if ofHost == nil {
		ofHost = list.New()
		t.hosts[host] = ofHost
	}
	l.conn, l.place, l.hostPlace = c, t.order.PushFront(l), ofHost.PushFront(l)
	t.links[peer] = l
	return c, traffic.NotDropped
}

// evict makes room for one more conn where full says that there is none, by closing c, and reports
// whether there is room then. A nil c cannot be closed.
func evict(c *exchange.Conn, full bool) bool {
	if !full {
		return true
	}
	if c == nil {
		return false
	}
	_ = c.CloseFor(outcome.ErrBusy) // an error has the effect of a lost datagram
	return true
}

// fullHost reports whether a host has as many conns as it may have, and returns the one to evict, nil
// for none.
func (t *table) fullHost(host netip.Prefix) (c *exchange.Conn, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ofHost := t.hosts[host]
	if ofHost == nil || ofHost.Len() < t.cfg.NewPeers.PeersPerAddress {
		return nil, false
	}
	return evictable(ofHost), true
}

// full is fullHost for the whole table.
func (t *table) full() (c *exchange.Conn, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.order.Len() < t.cfg.MaxPeers {
		return nil, false
	}
	return evictable(t.order), true
}

// evictable returns the conn to evict of an order, from its end; nil for none. Those that cannot be
// evicted are moved to the front.
func evictable(order *list.List) *exchange.Conn {
	now := time.Now()
	for range min(evictionTries, order.Len()) {
		e := order.Back()
		if c := e.Value.(*link).conn; c.Evictable(now) {
			return c
		}
		order.MoveToFront(e)
	}
	return nil
}
