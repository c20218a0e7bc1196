package fleet

import (
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/transport/v5/deadline"
)

// inbox is how many datagrams may wait for a device to read them; more are lost, as those are for which a
// socket has no room.
const inbox = 64

// maxDatagram is the largest datagram, in bytes, that goes through a link.
const maxDatagram = 1 << 16

// A link is a socket behind a network that loses, duplicates and delays. Its methods may be called
// concurrently.
type link struct {
	net.Conn
	network  Network
	meter    *meter
	inbox    chan []byte
	failed   chan struct{} // closed when the socket has failed
	deadline *deadline.Deadline

	mu      sync.Mutex
	random  *rand.Rand // guarded by mu
	failure error      // of the socket; guarded by mu
}

func newLink(nc net.Conn, n Network, r *rand.Rand, m *meter) *link {
	l := &link{Conn: nc, network: n, meter: m, inbox: make(chan []byte, inbox), failed: make(chan struct{}), deadline: deadline.New(), random: r}
	go l.receive()
	return l
}

// deliver passes the copies of a datagram that arrive, each when it arrives.
func (l *link) deliver(b []byte, arrive func([]byte)) {
	l.mu.Lock()
	var waits [2]time.Duration
	copies := l.network.copies(l.random, l.meter)
	for i := range copies {
		waits[i] = l.network.takes(l.random)
	}
	l.mu.Unlock()
	for _, wait := range waits[:copies] {
		if wait == 0 {
			arrive(b)
			continue
		}
		kept := append([]byte(nil), b...)
		time.AfterFunc(wait, func() { arrive(kept) })
	}
}

// Write implements [net.Conn]. It does not fail, as one whose datagrams are lost on the way does not.
func (l *link) Write(b []byte) (int, error) {
	l.meter.sent.Add(1)
	l.meter.sentBytes.Add(int64(len(b)))
	l.deliver(b, func(b []byte) { _, _ = l.Conn.Write(b) })
	return len(b), nil
}

// receive takes what comes from the server to the inbox, until the socket fails, such as by Close.
func (l *link) receive() {
	defer close(l.failed)
	b := make([]byte, maxDatagram)
	for {
		n, err := l.Conn.Read(b)
		if err != nil {
			l.mu.Lock()
			l.failure = err
			l.mu.Unlock()
			return
		}
		l.deliver(b[:n], func(b []byte) {
			select {
			case l.inbox <- append([]byte(nil), b...):
			default:
				l.meter.lost.Add(1)
			}
		})
	}
}

// Read implements [net.Conn].
func (l *link) Read(b []byte) (int, error) {
	select {
	case d := <-l.inbox:
		l.meter.received.Add(1)
		l.meter.receivedBytes.Add(int64(len(d)))
		return copy(b, d), nil
	case <-l.deadline.Done():
		return 0, os.ErrDeadlineExceeded
	case <-l.failed:
		l.mu.Lock()
		defer l.mu.Unlock()
		return 0, l.failure
	}
}

// SetReadDeadline implements [net.Conn].
func (l *link) SetReadDeadline(t time.Time) error {
	l.deadline.Set(t)
	return nil
}

// SetDeadline implements [net.Conn].
func (l *link) SetDeadline(t time.Time) error {
	l.deadline.Set(t)
	return l.Conn.SetWriteDeadline(t)
}
