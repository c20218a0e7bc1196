package plain

import (
	"time"

	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/otherprotocol"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// take passes b to the conn of its peer, or counts why it is dropped.
func (t *table) take(peer udp.Peer, b []byte) {
	t.meter.Received.Add(1)
	if !message.HasHeader(b) || otherprotocol.IsHTTP(b) || otherprotocol.IsCoAPOverTCP(b) {
		t.meter.Dropped.Add(t.otherProtocols.Take(peer, b))
		return
	}
	c := t.find(peer, message.IsRequest(b))
	if c == nil {
		var why traffic.DropReason
		if c, why = t.accept(peer, b); why != traffic.NotDropped {
			t.meter.Dropped.Add(why)
			return
		}
	}
	t.meter.Dropped.Add(c.Deliver(b))
}

// accept returns a conn for a new peer, or why there is none. Only a request gets one, so that nothing
// else costs memory, and the limits apply before anything is allocated.
func (t *table) accept(peer udp.Peer, b []byte) (*exchange.Conn, traffic.DropReason) {
	now := time.Now()
	switch {
	case !message.IsRequest(b):
		return nil, t.refuse(peer, b, now)
	}
	reservation, why := t.sources.Reserve(peer.Remote.Addr(), now)
	if why != traffic.NotDropped {
		return nil, why
	}
	if m, err := message.Decode(b); err != nil || !m.MayOpen() {
		return nil, t.refuse(peer, b, now)
	}
	c, why := t.admit(peer, reservation)
	if why != traffic.NotDropped {
		t.sources.Cancel(reservation)
	}
	return c, why
}

// refuse answers a datagram that opens no association, where that is due, without
// remembering anything, and returns what is wrong with it.
func (t *table) refuse(peer udp.Peer, b []byte, now time.Time) traffic.DropReason {
	if !t.sources.AllowReset(now) {
		return traffic.DropGlobalRate
	}
	m, err := message.Decode(b)
	reply, due := m.Unexpected()
	why := traffic.DropStray
	if err != nil {
		why = message.DropReason(err)
		reply, due = m.Rejection(err)
	}
	if !due {
		return why
	}
	if b, err := message.Encode(reply); err == nil {
		t.meter.Sent.Add(1)
		t.socket.Write(b, udp.SourceControl(peer.Local), peer.Remote)
	}
	return why
}
