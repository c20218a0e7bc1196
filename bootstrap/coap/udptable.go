package coap

import (
	"container/list"
	"net/netip"
	"slices"

	"lwbs/bootstrap"
)

// evictionTries is how many of the peers longest unheard are looked at for one without
// business when the table is full.
const evictionTries = 8

// A udpPeer is what tells associations apart: from where to where. local is invalid
// where the socket is bound to a single address.
type udpPeer struct {
	remote netip.AddrPort
	local  netip.Addr
}

// A udpLink is the way to one peer over a shared socket.
type udpLink struct {
	socket  *udpSocket
	peer    udpPeer
	control []byte // names the source address of replies; nil where there is only one
	conn    *conn
	place   *list.Element
}

// send implements [link].
func (l *udpLink) send(b []byte) error { return l.socket.write(b, l.control, l.peer.remote) }

// close implements [link]: the next request of the peer opens another association.
func (l *udpLink) close() error {
	s := l.socket
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.links[l.peer] == l {
		delete(s.links, l.peer)
		s.order.Remove(l.place)
	}
	return nil
}

// find returns the conn of peer, nil where there is none, and notes that it was heard.
func (s *udpSocket) find(peer udpPeer) *conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.links[peer]
	if l == nil {
		return nil
	}
	s.order.MoveToFront(l.place)
	return l.conn
}

// admit returns a new conn for peer; nil where there are too many already, none of
// which can go. Only the read loop calls it.
func (s *udpSocket) admit(peer udpPeer) *conn {
	if !s.makeRoom() {
		return nil
	}
	l := &udpLink{socket: s, peer: peer, control: sourceControl(peer.local)}
	c := s.hub.newConn(l, bootstrap.Peer{Remote: peer.remote.String(), Transport: "coap"})
	if c == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l.conn = c
	l.place = s.order.PushFront(l)
	s.links[peer] = l
	return c
}

// makeRoom reports whether there is a place for one more conn. In a full table it
// closes the one not heard for longest, of those without business.
func (s *udpSocket) makeRoom() bool {
	oldest, full := s.oldest()
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
func (s *udpSocket) oldest() (conns []*conn, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.order.Back(); e != nil && len(conns) < evictionTries; e = e.Prev() {
		conns = append(conns, e.Value.(*udpLink).conn)
	}
	return conns, len(s.links) >= s.hub.cfg.MaxPeers
}
