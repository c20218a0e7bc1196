package coap

import (
	"io"
	"net/netip"
)

// A Listener takes the requests of peers on one address, over UDP ([ListenUDP]) or
// DTLS ([ListenDTLS]).
type Listener struct {
	hub    *hub
	addr   netip.AddrPort
	socket io.Closer

	handshakes func() int // under way; nil without DTLS
}

// newListener returns a Listener of the conns of h, which are all on socket, bound to
// addr.
func newListener(h *hub, addr netip.AddrPort, socket io.Closer) *Listener {
	return &Listener{hub: h, addr: addr, socket: socket}
}

// Addr is the address that the Listener is bound to, with the port that the system
// chose where none was asked for.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Counters returns what the Listener has counted so far.
func (l *Listener) Counters() Counters { return l.hub.counters.snapshot() }

// Peers is how many associations there are now, those on the way to one not counted.
func (l *Listener) Peers() int {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	return len(l.hub.conns)
}

// Handshakes is how many DTLS handshakes are under way now.
func (l *Listener) Handshakes() int {
	if l.handshakes == nil {
		return 0
	}
	return l.handshakes()
}

// Close ends all associations and waits for every goroutine, so that it must not be
// called from a handler. Requests under way fail with [bootstrap.ErrGone].
func (l *Listener) Close() error { return l.hub.close(l.socket.Close) }
