package coap

import (
	"bytes"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v5/deadline"
)

// maxQueue is how many datagrams may wait to be taken out of a pipe: a flight with a
// certificate chain in fragments fits.
const maxQueue = 16

// Network implements [net.Addr], as pion wants it: comparable, which shows whether the
// peer has moved.
func (p udpPeer) Network() string { return "udp" }

// String implements [net.Addr].
func (p udpPeer) String() string { return p.remote.String() }

// A parcel is a datagram with the address it came from.
type parcel struct {
	data []byte
	from net.Addr // a udpPeer
}

// A pipe is the [net.PacketConn] of one DTLS association: the multiplexer puts in what
// the peer sent, and what comes out goes to its socket. Its methods may be called
// concurrently.
type pipe struct {
	socket *socket
	peer   udpPeer
	home   net.Addr // peer, made to a net.Addr once
	queue  chan parcel

	readDeadline *deadline.Deadline
	closeOnce    sync.Once
	closed       chan struct{}
}

// newPipe returns the pipe for a peer, which may send from elsewhere later.
func newPipe(s *socket, peer udpPeer) *pipe {
	return &pipe{
		socket:       s,
		peer:         peer,
		home:         peer,
		queue:        make(chan parcel, maxQueue),
		readDeadline: deadline.New(),
		closed:       make(chan struct{}),
	}
}

// put adds a copy of a datagram and reports whether there was room for it. It never
// blocks, and only one goroutine may call it at a time.
func (p *pipe) put(data []byte, from udpPeer) bool {
	if len(p.queue) == cap(p.queue) {
		return false // without a copy
	}
	at := p.home
	if from != p.peer {
		at = from
	}
	p.queue <- parcel{bytes.Clone(data), at}
	return true
}

// ReadFrom implements [net.PacketConn].
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case <-p.closed:
		return 0, nil, net.ErrClosed
	default:
	}
	select {
	case in := <-p.queue:
		return copy(b, in.data), in.from, nil
	case <-p.closed:
		return 0, nil, net.ErrClosed
	case <-p.readDeadline.Done():
		return 0, nil, os.ErrDeadlineExceeded
	}
}

// WriteTo implements [net.PacketConn]. A closed pipe swallows what is written.
func (p *pipe) WriteTo(b []byte, to net.Addr) (int, error) {
	select {
	case <-p.closed:
		return len(b), nil
	default:
	}
	peer := to.(udpPeer)
	if err := p.socket.write(b, sourceControl(peer.local), peer.remote); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close implements [net.PacketConn]. The socket stays open.
func (p *pipe) Close() error {
	p.closeOnce.Do(func() { close(p.closed) })
	return nil
}

// LocalAddr implements [net.PacketConn].
func (p *pipe) LocalAddr() net.Addr { return p.socket.conn.LocalAddr() }

// SetReadDeadline implements [net.PacketConn].
func (p *pipe) SetReadDeadline(t time.Time) error {
	p.readDeadline.Set(t)
	return nil
}

// SetWriteDeadline implements [net.PacketConn]. A datagram is written at once or not
// at all, so that there is nothing to end.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements [net.PacketConn].
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }
