package coap

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/store"
)

// evictionTries is how many of the peers that made no request for longest are looked at for
// one that gives way where there are too many.
const evictionTries = 8

// A udpTable holds the conns on a socket by their peers.
type udpTable struct {
	hub    *hub
	socket *socket
	gate   *gate
	others *others

	mu    sync.Mutex
	links map[udpPeer]*udpLink        // guarded by mu
	order *list.List                  // of *udpLink, the last to make a request first; guarded by mu
	hosts map[netip.Prefix]*list.List // the same for each host; guarded by mu; no empty ones
}

// A udpLink is the way to one peer over a shared socket. It is [doubtful].
type udpLink struct {
	table   *udpTable
	peer    udpPeer
	control []byte // names the source address of replies; nil where there is only one
	paid    toll
	conn    *conn

	place     *list.Element // in the order of the table
	hostPlace *list.Element // in that of the host
}

func newUDPTable(h *hub, s *socket) *udpTable {
	return &udpTable{
		hub:    h,
		socket: s,
		gate:   newGate(h.cfg.Strangers),
		others: newOthers(h, store.TransportPlain),
		links:  make(map[udpPeer]*udpLink),
		order:  list.New(),
		hosts:  make(map[netip.Prefix]*list.List),
	}
}

// send implements [link].
func (l *udpLink) send(b []byte) error { return l.table.socket.write(b, l.control, l.peer.remote) }

// proved implements [doubtful].
func (l *udpLink) proved() { l.table.gate.prove(l.paid, time.Now()) }

// close implements [link]: the next request of the peer opens another association.
func (l *udpLink) close() error {
	t := l.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[l.peer] != l {
		return nil
	}
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
func (l *udpLink) host() netip.Prefix { return hostOf(l.peer.remote.Addr()) }

func hostOf(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return sourceNet(a)
}

// find returns the conn of peer, nil where there is none, and notes where it asks for something.
func (t *udpTable) find(peer udpPeer, asks bool) *conn {
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

// admit returns a new conn for peer, who paid the toll, or at which limit there can be
// none. Only the read loop calls it.
func (t *udpTable) admit(peer udpPeer, paid toll) (*conn, DropReason) {
	l := &udpLink{table: t, peer: peer, control: sourceControl(peer.local), paid: paid}
	host := l.host()
	switch {
	case !evict(t.crowd(host)):
		return nil, DropAddressFull
	case !evict(t.all()):
		return nil, DropTableFull
	}
	c := t.hub.newConn(l, bootstrap.Peer{Remote: peer.remote.String(), Transport: "coap"})
	if c == nil {
		return nil, DropEnding
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
	return c, notDropped
}

// evict reports whether there is a place for one more conn where full says that there is
// not: it closes c, which gives way, nil where none does.
func evict(c *conn, full bool) bool {
	if !full {
		return true
	}
	if c == nil {
		return false
	}
	_ = c.closeFor(bootstrap.ErrBusy) // an error is as good as a lost datagram
	return true
}

// crowd returns the conn of a host that gives way, nil for none, and whether the host has as
// many as it may have.
func (t *udpTable) crowd(host netip.Prefix) (c *conn, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ofHost := t.hosts[host]
	if ofHost == nil || ofHost.Len() < t.hub.cfg.Strangers.PeersPerAddress {
		return nil, false
	}
	return givingWay(ofHost), true
}

// all is crowd for the whole table.
func (t *udpTable) all() (c *conn, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.order.Len() < t.hub.cfg.MaxPeers {
		return nil, false
	}
	return givingWay(t.order), true
}

// givingWay returns the conn of an order that gives way, the last one first; nil for none.
// Those that do not are not looked at again soon.
func givingWay(order *list.List) *conn {
	now := time.Now()
	for range min(evictionTries, order.Len()) {
		e := order.Back()
		if c := e.Value.(*udpLink).conn; c.givesWay(now) {
			return c
		}
		order.MoveToFront(e)
	}
	return nil
}
