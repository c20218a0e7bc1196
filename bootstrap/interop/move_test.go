//go:build interop

package interop_test

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// cidRecord is the first byte of a datagram that has a connection ID (RFC 9146 §3).
const cidRecord = 25

// A nat is on the way of a device to a server, and gives it another port for every
// datagram that has a connection ID. Each port forgets the device with the next.
type nat struct {
	front  *net.UDPConn // the device sends here
	server *net.UDPAddr
	moves  atomic.Int32

	mu     sync.Mutex
	device net.Addr     // guarded by mu
	back   *net.UDPConn // guarded by mu
}

// newNAT returns a nat in front of a coaps URI, which ends with the test.
func newNAT(t *testing.T, uri string) *nat {
	t.Helper()
	u, err := url.Parse(uri)
	if err != nil {
		t.Fatal(err)
	}
	server, err := net.ResolveUDPAddr("udp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &nat{front: front, server: server}
	if err := n.move(); err != nil {
		t.Fatal(err)
	}
	go n.up(t)
	t.Cleanup(func() {
		front.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		n.back.Close()
	})
	return n
}

func (n *nat) uri() string { return "coaps://" + n.front.LocalAddr().String() }

// move takes another port.
func (n *nat) move() error {
	back, err := net.DialUDP("udp", nil, n.server)
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.back != nil {
		n.back.Close()
		n.moves.Add(1)
	}
	n.back = back
	go n.down(back)
	return nil
}

func (n *nat) up(t *testing.T) {
	b := make([]byte, 64<<10)
	for {
		size, from, err := n.front.ReadFrom(b)
		if err != nil {
			return
		}
		if b[0] == cidRecord {
			if err := n.move(); err != nil {
				t.Error(err)
				return
			}
		}
		n.mu.Lock()
		n.device = from
		n.back.Write(b[:size])
		n.mu.Unlock()
	}
}

func (n *nat) down(back *net.UDPConn) {
	b := make([]byte, 64<<10)
	for {
		size, err := back.Read(b)
		if err != nil {
			return
		}
		n.mu.Lock()
		device := n.device
		n.mu.Unlock()
		n.front.WriteTo(b[:size], device)
	}
}

// A device that offers a connection ID bootstraps though every datagram after its
// handshake comes from another port.
func TestMove(t *testing.T) {
	for name, cid := range map[string]string{"without one of its own": "0", "with one of its own": "6"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lwbs, sink, d := provision(t, leshan11, "coaps", "coaps")
			sink.accept(t, lwbs.account(t, d.endpoint))
			nat := newNAT(t, d.server)
			d.server, d.cid = nat.uri(), cid
			p := leshan11.start(t, d)
			for range leshan11.rounds {
				checkRegistration(t, sink.registered(t), leshan11, "coaps")
			}
			for _, s := range lwbs.sessions(t, leshan11.rounds, "--endpoint", d.endpoint) {
				checkDone(t, s, "coaps", d)
			}
			p.events(t)
			if n := nat.moves.Load(); n < 2*int32(leshan11.rounds) {
				t.Errorf("it moved %d times", n)
			}
		})
	}
}
