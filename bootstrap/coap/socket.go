package coap

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"lwbs/bootstrap"
)

const (
	// readBuffer is the kernel's receive buffer that is asked for, in bytes, so that
	// a fleet that comes back after a power cut is not lost in it: Linux takes about
	// 800 for a small datagram. The kernel may give less (net.core.rmem_max).
	readBuffer = 16 << 20

	// maxUDP is beyond what fits in a UDP datagram, so that none is cut unseen.
	maxUDP = 64 << 10
)

// A udpPeer is what tells peers apart: from where to where. local is invalid where the
// socket is bound to a single address.
type udpPeer struct {
	remote netip.AddrPort
	local  netip.Addr
}

// A datagramConn is what a socket needs of a [net.UDPConn].
type datagramConn interface {
	ReadMsgUDPAddrPort(b, control []byte) (n, nc, flags int, from netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, control []byte, to netip.AddrPort) (n, nc int, err error)
	LocalAddr() net.Addr
	Close() error
}

// A socket is the one UDP socket of a listener, which all its peers share. They are
// answered from the address that they sent to.
type socket struct {
	hub      *hub
	conn     datagramConn
	wildcard bool // bound to every address; replies must name theirs

	overflowed uint32 // datagrams that the kernel had no room for; of read only
}

// openSocket opens a socket on addr for h.
func openSocket(addr string, h *hub) (*socket, error) {
	local, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	uc, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, err
	}
	s := &socket{hub: h, conn: uc}
	if err := s.prepare(uc); err != nil {
		uc.Close()
		return nil, err
	}
	return s, nil
}

// prepare sets the options of the socket, which is uc.
func (s *socket) prepare(uc *net.UDPConn) error {
	if err := setReadBuffer(uc, readBuffer); err != nil {
		s.hub.cfg.Logger.Warn("small receive buffer", "addr", s.addr(), "err", err)
	}
	if err := askForOverflows(uc); err != nil { // which is for the metrics only
		s.hub.cfg.Logger.Debug("overflows are not counted", "addr", s.addr(), "err", err)
	}
	s.wildcard = s.addr().Addr().IsUnspecified()
	if !s.wildcard {
		return nil
	}
	return askForDestination(uc)
}

// addr is where the socket is bound.
func (s *socket) addr() netip.AddrPort {
	return unmap(s.conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

// read passes datagrams to take, which must not keep them, until the socket is closed.
func (s *socket) read(take func(peer udpPeer, b []byte)) {
	buf, control := make([]byte, maxUDP), make([]byte, controlSize+overflowSize)
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
		s.countOverflows(control[:nc])
		peer := udpPeer{remote: unmap(from)}
		if s.wildcard {
			peer.local = destination(control[:nc])
		}
		s.hub.cfg.Panics.Run(bootstrap.PartTransport, func() { take(peer, buf[:n]) })
	}
}

// countOverflows counts what the kernel had no room for until a datagram with these
// control messages came.
func (s *socket) countOverflows(control []byte) {
	if n := overflows(control); n != 0 {
		s.hub.counters.dropped[DropOverflow].Add(uint64(n - s.overflowed))
		s.overflowed = n
	}
}

// write sends b to peer. control is what [sourceControl] returns for it.
func (s *socket) write(b, control []byte, to netip.AddrPort) error {
	_, _, err := s.conn.WriteMsgUDPAddrPort(b, control, to)
	return err
}

// unmap returns an IPv4 address in its own form, whatever socket it came by.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// dialSocket opens a UDP socket connected to addr, bound to local unless that is empty.
func dialSocket(ctx context.Context, addr, local string) (*net.UDPConn, error) {
	var d net.Dialer
	if local != "" {
		a, err := net.ResolveUDPAddr("udp", local)
		if err != nil {
			return nil, fmt.Errorf("from %s: %w", local, err)
		}
		d.LocalAddr = a
	}
	nc, err := d.DialContext(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	return nc.(*net.UDPConn), nil
}
