package coap

import "net/netip"

// A Listener takes the requests of peers on one address, over UDP ([ListenUDP]) or
// DTLS ([ListenDTLS]).
type Listener struct {
	hub         *hub
	addr        netip.AddrPort
	closeSocket func() error

	// With DTLS only:
	handshakes   func() int // under way
	associations func() int // active
	hibernated   func() int
	unwritten    func() int
}

// newListener returns a Listener of the conns of h, which are all on one socket, bound to
// addr.
func newListener(h *hub, addr netip.AddrPort, closeSocket func() error) *Listener {
	return &Listener{hub: h, addr: addr, closeSocket: closeSocket}
}

// Addr is the address that the Listener is bound to, with the port that the system
// chose where none was asked for.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Counters returns what the Listener has counted so far.
func (l *Listener) Counters() Counters { return l.hub.counters.snapshot() }

// Peers is how many associations are active now: neither on the way to one, nor hibernated.
func (l *Listener) Peers() int {
	if l.associations != nil {
		return l.associations()
	}
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	return len(l.hub.conns)
}

// Hibernated is how many DTLS associations hibernate: they are kept for their peers, which
// may come back on them.
func (l *Listener) Hibernated() int {
	if l.hibernated == nil {
		return 0
	}
	return l.hibernated()
}

// Unwritten is how many DTLS associations wait for the [Keeper] to keep them as they are now.
func (l *Listener) Unwritten() int {
	if l.unwritten == nil {
		return 0
	}
	return l.unwritten()
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
func (l *Listener) Close() error { return l.hub.close(l.closeSocket) }
