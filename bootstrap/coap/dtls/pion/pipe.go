package pion

import (
	"bytes"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v5/deadline"

	"lwbs/bootstrap/coap/udp"
)

// maxQueue is how many datagrams may wait to be taken out of a pipe: a flight with a
// certificate chain in fragments fits.
const maxQueue = 16

// A Packet is a datagram with the address it came from.
type Packet struct {
	Data []byte
	From net.Addr // a udp.Peer
}

// A Pipe is the [net.PacketConn] of one DTLS handshake: the multiplexer puts in what the
// peer sent, and what comes out goes to its socket. Its methods may be called concurrently.
type Pipe struct {
	socket *udp.Socket
	peer   udp.Peer
	home   net.Addr // peer, made to a net.Addr once

	// last reports whether a datagram that is about to be sent is the last one; then
	// nothing more comes out of the pipe, and what is written to it is swallowed. Nil: there
	// is no last one.
	last func(b []byte) bool

	readDeadline *deadline.Deadline
	closeOnce    sync.Once
	closed       chan struct{}
	more         chan struct{} // takes one: there may be something in queue

	mu    sync.Mutex
	queue []Packet // guarded by mu
	done  bool     // guarded by mu; the last datagram was sent
}

// NewPipe returns the pipe for a peer, which may send from elsewhere later.
func NewPipe(s *udp.Socket, peer udp.Peer) *Pipe {
	return &Pipe{
		socket:       s,
		peer:         peer,
		home:         peer,
		readDeadline: deadline.New(),
		closed:       make(chan struct{}),
		more:         make(chan struct{}, 1),
	}
}

// Put adds a copy of a datagram and reports whether there was room for it. It never
// blocks.
func (p *Pipe) Put(data []byte, from udp.Peer) bool {
	at := p.home
	if from != p.peer {
		at = from
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == maxQueue {
		return false // without a copy
	}
	p.queue = append(p.queue, Packet{bytes.Clone(data), at})
	select {
	case p.more <- struct{}{}:
	default:
	}
	return true
}

// Drain takes out everything.
func (p *Pipe) Drain() []Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.queue
	p.queue = nil
	return out
}

// next takes out one datagram, if there is one for the reader.
func (p *Pipe) next() (in Packet, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done || len(p.queue) == 0 {
		return in, false
	}
	in = p.queue[0]
	p.queue[0] = Packet{} // its array lives on
	p.queue = p.queue[1:]
	return in, true
}

// ReadFrom implements [net.PacketConn]. There is one reader at a time.
func (p *Pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		select {
		case <-p.closed:
			return 0, nil, net.ErrClosed
		default:
		}
		if in, ok := p.next(); ok {
			return copy(b, in.Data), in.From, nil
		}
		select {
		case <-p.more:
		case <-p.closed:
			return 0, nil, net.ErrClosed
		case <-p.readDeadline.Done():
			return 0, nil, os.ErrDeadlineExceeded
		}
	}
}

// WriteTo implements [net.PacketConn]. A closed pipe swallows what is written.
func (p *Pipe) WriteTo(b []byte, to net.Addr) (int, error) {
	if p.swallows(b) {
		return len(b), nil
	}
	peer := to.(udp.Peer)
	if err := p.socket.Write(b, udp.SourceControl(peer.Local), peer.Remote); err != nil {
		return 0, err
	}
	return len(b), nil
}

// swallows reports whether b is not to be sent, and looks whether it is the last.
func (p *Pipe) swallows(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return true
	default:
	}
	if p.done {
		return true
	}
	p.done = p.last != nil && p.last(b)
	return false
}

// Close implements [net.PacketConn]. The socket stays open, and what is in the pipe can
// still be taken out with rest.
func (p *Pipe) Close() error {
	p.closeOnce.Do(func() { close(p.closed) })
	return nil
}

// LocalAddr implements [net.PacketConn].
func (p *Pipe) LocalAddr() net.Addr { return p.socket.LocalAddr() }

// SetReadDeadline implements [net.PacketConn].
func (p *Pipe) SetReadDeadline(t time.Time) error {
	p.readDeadline.Set(t)
	return nil
}

// SetWriteDeadline implements [net.PacketConn]. A datagram is written at once or not
// at all, so that there is nothing to end.
func (p *Pipe) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements [net.PacketConn].
func (p *Pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }
