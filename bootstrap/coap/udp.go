package coap

import (
	"fmt"
	"time"
)

// ListenUDP listens for plain CoAP on addr, such as "127.0.0.1:5683"; port 0 lets the
// system choose.
//
// All peers share one socket, and are answered from the address that they sent to. A
// wildcard such as ":5683" can promise that on Linux only; elsewhere bind a Listener to
// each address.
func ListenUDP(addr string, cfg Config) (*Listener, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	h := newHub(cfg)
	s, err := openSocket(addr, h)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	d := newDesk(h.spawn)
	h.attend, h.lend = d.attend, d.lend
	t := newUDPTable(h, s)
	h.spawn(func() { s.read(t.take) })
	return newListener(h, s.addr(), s.conn.Close), nil
}

// take passes b to the conn of its peer.
func (t *udpTable) take(peer udpPeer, b []byte) {
	t.hub.counters.received.Add(1)
	if !hasHeader(b) || isHTTP(b) || isCoAPOverTCP(b) {
		t.hub.counters.dropped.add(t.others.take(peer, b))
		return
	}
	c := t.find(peer, isRequest(b))
	if c == nil {
		var why DropReason
		if c, why = t.meet(peer, b); why != notDropped {
			t.hub.counters.dropped.add(why)
			return
		}
	}
	t.hub.counters.dropped.add(c.deliver(b))
}

// meet returns a conn for a stranger, or why there is none. Only a request gets one, so
// that nothing else costs memory, and the limits are looked at before anything is
// allocated.
func (t *udpTable) meet(peer udpPeer, b []byte) (*conn, DropReason) {
	now := time.Now()
	switch {
	case !isRequest(b):
		return nil, t.turnAway(peer, b, now)
	}
	paid, why := t.gate.enter(peer.remote.Addr(), now)
	if why != notDropped {
		return nil, why
	}
	if m, err := decode(b); err != nil || !m.opens() {
		return nil, t.turnAway(peer, b, now)
	}
	c, why := t.admit(peer, paid)
	if why != notDropped {
		t.gate.leave(paid)
	}
	return c, why
}

// turnAway answers a datagram that opens no association, where that is due, without
// remembering anything, and returns what is wrong with it.
func (t *udpTable) turnAway(peer udpPeer, b []byte, now time.Time) DropReason {
	if !t.gate.rejects(now) {
		return DropGlobalRate
	}
	m, err := decode(b)
	reply, due := m.unexpected()
	why := DropStray
	if err != nil {
		why = malformation(err)
		reply, due = m.rejection(err)
	}
	if !due {
		return why
	}
	if b, err := encode(reply); err == nil {
		t.hub.counters.sent.Add(1)
		t.socket.write(b, sourceControl(peer.local), peer.remote)
	}
	return why
}
