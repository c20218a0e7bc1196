package coap

import (
	"bytes"
	"crypto/rand"
)

// cidSize is the size of the connection IDs that a listener gives out. All have the same,
// as nothing in a record tells it.
const cidSize = 8

// A connectionID stands in for address and port in the records of a client that asked
// for one (RFC 9146), and so finds its association after a NAT has given the client
// another port. The first byte is the replica that gave it out, for balancers. The zero
// connectionID is none.
type connectionID [cidSize]byte

// assign returns a connection ID by which a is found from now on, instead of an earlier
// one.
func (m *mux) assign(a *association) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unassign(a)
	if a.stage == gone {
		return nil
	}
	for a.cid == (connectionID{}) || m.cids[a.cid] != nil {
		rand.Read(a.cid[:]) // never fails
		a.cid[0] = m.hub.cfg.DTLS.ReplicaID
	}
	m.cids[a.cid] = a
	return bytes.Clone(a.cid[:])
}

// unassign takes back the connection ID of a, if it has one. The caller holds mu.
func (m *mux) unassign(a *association) {
	delete(m.cids, a.cid)
	a.cid = connectionID{}
}

// routeCID is route for records that have a connection ID, wherever they come from. The
// caller holds mu.
func (m *mux) routeCID(peer udpPeer, d digest, b []byte) DropReason {
	a := m.cids[connectionID(d.cid)]
	if a == nil {
		return DropUnknownCID
	}
	return a.put(peer, d, b)
}

// follow lets a be where its peer has moved to, which shows only where it has a
// connection ID. pion tells: it sends to where the newest record came from that was
// authentic (RFC 9146 §6). It notes that a moment after it has handed out what came, so
// that very rarely an answer goes to the address before, as good as lost.
// An association that is at that address already keeps its place there, as a is found
// without. The caller holds mu.
func (m *mux) follow(a *association) {
	if !a.roams {
		return
	}
	from, to := a.peer, a.secure.RemoteAddr().(udpPeer)
	if a.stage != live || to == from {
		return
	}
	m.vacate(a)
	a.peer = to
	if s := m.slots[to]; s[live] == nil {
		s[live] = a
		m.slots[to] = s
	}
	m.hub.cfg.Logger.Debug("peer has moved", "from", from, "to", to)
}
