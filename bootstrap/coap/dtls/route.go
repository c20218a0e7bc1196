package dtls

import (
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// take passes b on to what it is for, or counts why it is dropped.
func (m *mux) take(peer udp.Peer, b []byte) {
	m.meter.Received.Add(1)
	m.meter.Dropped.Add(m.sort(peer, b))
}

// sort passes b on to what it is for, or returns why it is dropped.
func (m *mux) sort(peer udp.Peer, b []byte) traffic.DropReason {
	if len(b) > record.MaxDatagram {
		return traffic.DropOversize
	}
	d, ok := hello.Inspect(b)
	if !ok {
		return m.otherProtocols.Take(peer, b)
	}
	if d.Hello.First && !m.knows(peer, d.Hello.Random) {
		return m.beginHandshake(peer, d.Hello, b)
	}
	var a *association
	var why traffic.DropReason
	holding(&m.mu, func() { a, why = m.route(peer, d, b) })
	if why == traffic.DropNoAssociation || why == traffic.DropUnknownCID {
		return m.noAssociation(peer, d, b, why)
	}
	if a == nil {
		return why
	}
	if reason := a.receive(peer, b); why != traffic.NotDropped {
		return reason
	}
	return traffic.NotDropped
}

// noAssociation returns why a record is dropped whose association does not exist, or is not restored
// yet.
func (m *mux) noAssociation(peer udp.Peer, d hello.Digest, b []byte, why traffic.DropReason) traffic.DropReason {
	if m.persister.isRestoring() {
		return traffic.DropRestoring
	}
	m.unknowns.Note(peer, d, b)
	return why
}

// knows reports whether there is a handshake or an association at peer that began with a
// ClientHello with this random.
func (m *mux) knows(peer udp.Peer, random [record.RandomSize]byte) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.slots[peer]
	return s.handshake != nil && s.handshake.random == random || s.association != nil && s.association.random == random
}

// beginHandshake answers the first ClientHello of a peer: with a cookie, or with an alert where the
// peer does not offer DTLS 1.2.
func (m *mux) beginHandshake(peer udp.Peer, h hello.Hello, b []byte) traffic.DropReason {
	if p := hello.VersionOnly(b); p != attempt.ProtocolUnreadable {
		m.otherProtocols.Note(peer, p, attempt.Asked{}, b)
		m.reply(peer, hello.WrongVersion(b))
		return traffic.DropOtherProtocol
	}
	m.sendCookie(peer, h.Random)
	return traffic.NotDropped
}

// sendCookie sends a cookie to a peer that begins a handshake, and remembers nothing of it: a forged
// address costs no more than this. Of a ClientHello in fragments the first one has all that the
// cookie is made of, and is larger than the answer.
func (m *mux) sendCookie(peer udp.Peer, random [record.RandomSize]byte) {
	m.reply(peer, hello.Challenge(m.cookies.Cookie(peer, random, time.Now())))
}

// reply sends a datagram to a peer of which nothing is remembered.
func (m *mux) reply(peer udp.Peer, b []byte) {
	m.meter.Sent.Add(1)
	_ = m.socket.Write(b, udp.SourceControl(peer.Local), peer.Remote) // an error has the effect of a lost datagram
}

// route puts b into the queue of the handshake that it may be for, or returns why it does not. It
// also returns the association that b may be for. The caller holds mu.
func (m *mux) route(peer udp.Peer, d hello.Digest, b []byte) (*association, traffic.DropReason) {
	s := m.slots[peer]
	switch d.Kind {
	case hello.KindHello:
		return nil, m.routeHello(peer, d.Hello, b)
	case hello.KindAlert: // which counts for nothing after a handshake
		return nil, s.handshake.put(peer, d, b)
	case hello.KindFlight:
		if s.handshake != nil {
			return nil, s.handshake.put(peer, d, b)
		}
		return s.association, traffic.DropOutOfPlace // our last flight was lost, and the peer repeats its own
	default:
		if d.CID != nil {
			return m.routeCID(peer, d, b)
		}
		if s == (slot{}) {
			return nil, traffic.DropNoAssociation
		}
		// Which keys it is under only trying can tell.
		return s.association, s.handshake.put(peer, d, b)
	}
}

// routeHello finds the handshake that a ClientHello is part of, or begins one. The
// caller holds mu.
func (m *mux) routeHello(peer udp.Peer, h hello.Hello, b []byte) traffic.DropReason {
	s := m.slots[peer]
	if a := s.association; a != nil && h.Start && a.random == h.Random {
		return traffic.DropOutOfPlace // came twice: a handshake of its own would get what the peer repeats for a
	}
	if begun := s.handshake; begun != nil && h.Start && begun.random == h.Random {
		return begun.put(peer, hello.Digest{Kind: hello.KindHello}, b) // its answer was lost
	}
	if w, ok := hello.ParseWhole(b); ok {
		if len(b) > record.HeaderSize+record.HandshakeHeader+hello.MaxHello {
			return traffic.DropOversize
		}
		return m.acceptHello(peer, w, b)
	}
	whole, why := m.partials.Take(peer, b, time.Now())
	if w, ok := hello.ParseWhole(whole); ok {
		return m.acceptHello(peer, w, whole)
	}
	return why
}

// returned reports whether a peer was sent the cookie in its ClientHello.
func (m *mux) returned(peer udp.Peer, h hello.Hello, now time.Time) bool {
	return m.cookies.Check(h.Cookie, peer, h.Random, now)
}
