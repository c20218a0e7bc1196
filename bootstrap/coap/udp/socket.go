package udp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
)

const (
	// readBuffer is the size of the receive buffer that the kernel is asked for, in bytes, so
	// that the datagrams of a fleet that comes back after a power cut fit: Linux takes about 800
	// for a small one. The kernel may give less (net.core.rmem_max).
	readBuffer = 16 << 20

	// MaxDatagram is more than fits in a UDP datagram, so that none is truncated.
	MaxDatagram = 64 << 10

	// ErrorPause is the pause after a failed read, so that a socket that fails at every read
	// does not take a whole CPU.
	ErrorPause = 100 * time.Millisecond
)

// A Conn is the methods of [net.UDPConn] that a [Socket] uses.
type Conn interface {
	ReadMsgUDPAddrPort(b, control []byte) (n, nc, flags int, from netip.AddrPort, err error)
	WriteMsgUDPAddrPort(b, control []byte, to netip.AddrPort) (n, nc int, err error)
	LocalAddr() net.Addr
	Close() error
}

// A Socket is the UDP socket of a listener, which all its peers share. They are answered from the
// address that they sent to. Write may be called concurrently, Read once.
type Socket struct {
	tasks    *tasks.Group
	meter    *traffic.Meter
	log      *slog.Logger
	conn     Conn
	wildcard bool // bound to every address; replies must name theirs

	overflowed uint32 // datagrams that the kernel had dropped; of Read only
}

// Listen opens a socket on addr, such as "127.0.0.1:5683". Read pauses
// with g, drops are counted in meter.
func Listen(addr string, g *tasks.Group, meter *traffic.Meter, log *slog.Logger) (*Socket, error) {
	local, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return nil, err
	}
	uc, err := net.ListenUDP("udp", local)
	if err != nil {
		return nil, err
	}
	s := NewSocket(uc, g, meter, log)
	if err := s.prepare(uc); err != nil {
		uc.Close()
		return nil, err
	}
	return s, nil
}

// NewSocket returns the socket over c, which is bound to a single address.
func NewSocket(c Conn, g *tasks.Group, meter *traffic.Meter, log *slog.Logger) *Socket {
	return &Socket{tasks: g, meter: meter, log: log, conn: c}
}

// IsWildcard reports whether the socket is bound to every address.
func (s *Socket) IsWildcard() bool { return s.wildcard }

// prepare sets the options of the socket, which is uc.
func (s *Socket) prepare(uc *net.UDPConn) error {
	if err := setReadBuffer(uc, readBuffer); err != nil {
		s.log.Warn("small receive buffer", "addr", s.Addr(), "err", err)
	}
	if err := askForOverflows(uc); err != nil { // only the metrics need them
		s.log.Debug("overflows are not counted", "addr", s.Addr(), "err", err)
	}
	s.wildcard = s.Addr().Addr().IsUnspecified()
	if !s.wildcard {
		return nil
	}
	return askForDestination(uc)
}

// Addr is where the socket is bound.
func (s *Socket) Addr() netip.AddrPort {
	return unmap(s.conn.LocalAddr().(*net.UDPAddr).AddrPort())
}

// LocalOf is the address that a peer sends to; unspecified where the socket is a wildcard and the
// system does not tell.
func (s *Socket) LocalOf(p Peer) netip.Addr {
	if p.Local.IsValid() {
		return p.Local
	}
	return s.Addr().Addr()
}

// Read passes datagrams to take, which must not keep b, until the socket is closed. A panic of
// take ends that datagram only.
func (s *Socket) Read(take func(peer Peer, b []byte)) {
	buf, control := make([]byte, MaxDatagram), make([]byte, controlSize+overflowSize)
	for {
		n, nc, _, from, err := s.conn.ReadMsgUDPAddrPort(buf, control)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			s.log.Warn("read failed", "addr", s.Addr(), "err", err)
			s.tasks.Pause(ErrorPause)
			continue
		}
		s.countOverflows(control[:nc])
		peer := Peer{Remote: unmap(from)}
		if s.wildcard {
			peer.Local = destination(control[:nc])
		}
		s.tasks.Run(func() { take(peer, buf[:n]) })
	}
}

// countOverflows counts what the kernel had dropped when a datagram with these control messages
// came.
func (s *Socket) countOverflows(control []byte) {
	if n := overflows(control); n != 0 {
		s.meter.Dropped[traffic.DropOverflow].Add(uint64(n - s.overflowed))
		s.overflowed = n
	}
}

// Write sends b to a peer. control is what [SourceControl] returns for its Local.
func (s *Socket) Write(b, control []byte, to netip.AddrPort) error {
	_, _, err := s.conn.WriteMsgUDPAddrPort(b, control, to)
	return err
}

// Close ends read.
func (s *Socket) Close() error { return s.conn.Close() }

// LocalAddr is addr as a [net.Addr].
func (s *Socket) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// unmap returns an IPv4 address in its own form, whatever socket it came by.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Dial opens a UDP socket connected to addr, bound to local unless that is empty.
func Dial(ctx context.Context, addr, local string) (*net.UDPConn, error) {
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
