package coap

import (
	"container/list"
	"slices"
	"sync"

	"lwbs/bootstrap"
)

// evictionTries is how many of the peers longest unheard are looked at for one without
// business when the table is full.
const evictionTries = 8

// A udpTable holds the conns on a socket by their peers.
type udpTable struct {
	hub    *hub
	socket *socket

	mu    sync.Mutex
	links map[udpPeer]*udpLink // guarded by mu
	order *list.List           // of *udpLink, last heard first; guarded by mu
}

// A udpLink is the way to one peer over a shared socket.
type udpLink struct {
	table   *udpTable
	peer    udpPeer
	control []byte // names the source address of replies; nil where there is only one
	conn    *conn
	place   *list.Element
}

func newUDPTable(h *hub, s *socket) *udpTable {
	return &udpTable{
		hub:    h,
		socket: s,
		links:  make(map[udpPeer]*udpLink),
		order:  list.New(),
	}
}

// send implements [link].
func (l *udpLink) send(b []byte) error { return l.table.socket.write(b, l.control, l.peer.remote) }

// close implements [link]: the next request of the peer opens another association.
func (l *udpLink) close() error {
	t := l.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.links[l.peer] == l {
		delete(t.links, l.peer)
		t.order.Remove(l.place)
	}
	return nil
}

// find returns the conn of peer, nil where there is none, and notes that it was heard.
func (t *udpTable) find(peer udpPeer) *conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.links[peer]
	if l == nil {
		return nil
	}
	t.order.MoveToFront(l.place)
	return l.conn
}

// admit returns a new conn for peer; nil where there are too many already, none of
// which can go. Only the read loop calls it.
func (t *udpTable) admit(peer udpPeer) *conn {
	if !t.makeRoom() {
		return nil
	}
	l := &udpLink{table: t, peer: peer, control: sourceControl(peer.local)}
	c := t.hub.newConn(l, bootstrap.Peer{Remote: peer.remote.String(), Transport: "coap"})
	if c == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	l.conn = c
	l.place = t.order.PushFront(l)
	t.links[peer] = l
	return c
}

// makeRoom reports whether there is a place for one more conn. In a full table it
// closes the one not heard for longest, of those without business.
func (t *udpTable) makeRoom() bool {
	oldest, full := t.oldest()
	if !full {
		return true
	}
	i := slices.IndexFunc(oldest, (*conn).resting)
	if i < 0 {
		return false
	}
	oldest[i].Close()
	return true
}

// oldest returns the conns that were not heard for longest, longest first, and whether
// there are as many conns as there may be.
func (t *udpTable) oldest() (conns []*conn, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := t.order.Back(); e != nil && len(conns) < evictionTries; e = e.Prev() {
		conns = append(conns, e.Value.(*udpLink).conn)
	}
	return conns, len(t.links) >= t.hub.cfg.MaxPeers
}
