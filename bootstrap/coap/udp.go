package coap

import "fmt"

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
	t := newUDPTable(h, s)
	h.spawn(func() { s.read(t.take) })
	return newListener(h, s.addr(), s.conn), nil
}

// take passes b to the conn of its peer. A stranger gets one for a request only, so
// that nothing else costs memory.
func (t *udpTable) take(peer udpPeer, b []byte) {
	c := t.find(peer)
	if c == nil {
		m, err := decode(b)
		if err != nil || !m.opens() {
			t.hub.counters.received.Add(1)
			t.turnAway(peer, m, err)
			return
		}
		if c = t.admit(peer); c == nil {
			t.hub.counters.received.Add(1)
			t.hub.counters.dropped.Add(1)
			return
		}
	}
	c.deliver(b)
}

// turnAway answers a datagram that opens no association, of which decode made m and
// err, without remembering anything.
func (t *udpTable) turnAway(peer udpPeer, m message, err error) {
	var reply message
	var due bool
	if err != nil {
		t.hub.counters.malformed.Add(1)
		reply, due = m.rejection(err)
	} else {
		t.hub.counters.stray.Add(1)
		reply, due = m.unexpected()
	}
	if !due {
		return
	}
	if b, err := encode(reply); err == nil {
		t.hub.counters.sent.Add(1)
		t.socket.write(b, sourceControl(peer.local), peer.remote)
	}
}
