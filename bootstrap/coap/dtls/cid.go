package dtls

import (
	"bytes"
	"crypto/rand"

	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// A connectionID stands in for address and port in the records of a client that asked
// for one (RFC 9146), and so finds its association after a NAT has given the client
// another port. The first byte is the replica that gave it out, for balancers. The zero
// connectionID is none.
type connectionID [record.CIDSize]byte

// assign gives h a connection ID, in place of an earlier one, and returns it. The caller holds mu.
func (m *mux) assign(h *handshake) []byte {
	m.unassign(h)
	if h.ended {
		return nil
	}
	for h.cid == (connectionID{}) || m.cids[h.cid] != (slot{}) {
		rand.Read(h.cid[:]) // never fails
		h.cid[0] = m.cfg.DTLS.ReplicaID
	}
	m.cids[h.cid] = slot{handshake: h}
	return bytes.Clone(h.cid[:])
}

// unassign takes back the connection ID of h, if it has one. The caller holds mu.
func (m *mux) unassign(h *handshake) {
	if m.cids[h.cid].handshake == h {
		delete(m.cids, h.cid)
	}
	h.cid = connectionID{}
}

// routeCID is route for records that have a connection ID, wherever they come from. The
// caller holds mu.
func (m *mux) routeCID(peer udp.Peer, d hello.Digest, b []byte) (*association, traffic.DropReason) {
	s := m.cids[connectionID(d.CID)]
	switch {
	case s.association != nil:
		return s.association, traffic.NotDropped
	case s.handshake != nil:
		return nil, s.handshake.put(peer, d, b)
	}
	return nil, traffic.DropUnknownCID
}

// follow moves a to the address that its newest record came from (RFC 9146 §6), which is another one
// only where a was found by its connection ID. An association that has that address keeps it, as a
// is found without. The caller holds mu.
func (m *mux) follow(a *association, to udp.Peer) {
	if to == a.peer || a.ended {
		return
	}
	m.cfg.Exchange.Logger.Debug("peer has moved", "from", a.peer, "to", to)
	m.vacate(a)
	a.mu.Lock()
	a.peer = to
	a.mu.Unlock()
	m.index(a)
}
