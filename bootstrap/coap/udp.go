package coap

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	// readBuffer is the kernel's receive buffer that is asked for, in bytes, so that
	// a fleet that comes back after a power cut is not lost in it. The kernel may
	// give less (net.core.rmem_max).
	readBuffer = 4 << 20

	// maxUDP is beyond what fits in a UDP datagram, so that none is cut unseen.
	maxUDP = 64 << 10

	// errorPause keeps a socket that fails at every read from taking a whole
	// processor.
	errorPause = 100 * time.Millisecond
)

// A udpSocket is the one socket of a listener, with the conns on it. Its read loop
// never waits for any of them.
type udpSocket struct {
	hub      *hub
	conn     *net.UDPConn
	wildcard bool // bound to every address; replies must name theirs

	mu    sync.Mutex
	links map[udpPeer]*udpLink // guarded by mu
	order *list.List           // of *udpLink, last heard first; guarded by mu
}

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
	local, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	uc, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	s := newUDPSocket(newHub(cfg), uc)
	if err := s.prepare(); err != nil {
		uc.Close()
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	s.hub.spawn(s.read)
	return newListener(s.hub, s.addr(), uc), nil
}

func newUDPSocket(h *hub, uc *net.UDPConn) *udpSocket {
	return &udpSocket{
		hub:   h,
		conn:  uc,
		links: make(map[udpPeer]*udpLink),
		order: list.New(),
	}
}

// prepare sets the options of the socket.
func (s *udpSocket) prepare() error {
	if err := s.conn.SetReadBuffer(readBuffer); err != nil {
		s.hub.cfg.Logger.Warn("small receive buffer", "addr", s.addr(), "err", err)
	}
	s.wildcard = s.addr().Addr().IsUnspecified()
	if !s.wildcard {
		return nil
	}
	return askForDestination(s.conn)
}

// addr is where the socket is bound.
func (s *udpSocket) addr() netip.AddrPort {
	return unmap(s.conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

// read passes datagrams on until the socket is closed.
func (s *udpSocket) read() {
	buf, control := make([]byte, maxUDP), make([]byte, controlSize)
	for {
		n, nc, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, control)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.hub.cfg.Logger.Warn("read failed", "addr", s.addr(), "err", err)
			s.hub.pause(errorPause)
			continue
		}
		peer := udpPeer{remote: unmap(from)}
		if s.wildcard {
			peer.local = destination(control[:nc])
		}
		s.take(peer, buf[:n])
	}
}

// take passes b to the conn of its peer. A stranger gets one for a request only, so
// that nothing else costs memory.
func (s *udpSocket) take(peer udpPeer, b []byte) {
	c := s.find(peer)
	if c == nil {
		m, err := decode(b)
		if err != nil || !m.opens() {
			s.turnAway(peer, m, err)
			return
		}
		if c = s.admit(peer); c == nil {
			s.hub.counters.received.Add(1)
			s.hub.counters.dropped.Add(1)
			return
		}
	}
	c.deliver(b)
}

// turnAway answers a datagram that opens no association, of which decode made m and
// err, without remembering anything.
func (s *udpSocket) turnAway(peer udpPeer, m message, err error) {
	s.hub.counters.received.Add(1)
	reply, ok := m.rejection(err)
	if err == nil {
		s.hub.counters.stray.Add(1)
		reply, ok = m.unexpected()
	} else {
		s.hub.counters.malformed.Add(1)
	}
	if !ok {
		return
	}
	if b, err := encode(reply); err == nil {
		s.hub.counters.sent.Add(1)
		s.write(b, sourceControl(peer.local), peer.remote)
	}
}

func (s *udpSocket) write(b, control []byte, to netip.AddrPort) error {
	_, _, err := s.conn.WriteMsgUDPAddrPort(b, control, to)
	return err
}

// unmap returns an IPv4 address in its own form, whatever socket it came by.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
