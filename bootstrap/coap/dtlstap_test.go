package coap_test

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

// A tap stands between clients and a server. To the server all clients are one and the
// same address and port, as a device is before and after it lost power, until the tap
// moves; and the test may look at, hold back, alter and forge every datagram.
type tap struct {
	t      *testing.T
	server netip.AddrPort
	front  *net.UDPConn                // clients send here
	back   atomic.Pointer[net.UDPConn] // connected to the server
	wg     sync.WaitGroup

	mu     sync.Mutex
	client netip.AddrPort                    // who sent last; guarded by mu
	deaf   map[netip.AddrPort]bool           // clients nothing is taken from; guarded by mu
	pass   func(up bool, b []byte) (ok bool) // nil passes all; may alter b; guarded by mu
}

// newTap returns a tap in front of the server, which ends with the test.
func newTap(t *testing.T, server netip.AddrPort) *tap {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &tap{t: t, server: server, front: front, deaf: make(map[netip.AddrPort]bool)}
	t.Cleanup(p.wg.Wait)
	t.Cleanup(func() { front.Close() })
	p.move()
	p.wg.Go(p.up)
	return p
}

// move gives the clients another port, as a NAT does that has forgotten them: what the
// server sends to the one before is lost.
func (p *tap) move() {
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(p.server))
	if err != nil {
		p.t.Error(err)
		return
	}
	p.t.Cleanup(func() { back.Close() })
	p.back.Store(back)
	p.wg.Go(func() { p.down(back) })
}

// local is where the server sees the clients.
func (p *tap) local() netip.AddrPort {
	return p.back.Load().LocalAddr().(*net.UDPAddr).AddrPort()
}

// addr is where clients dial.
func (p *tap) addr() string { return p.front.LocalAddr().String() }

// filter sets what passes from now on; up is from client to server.
func (p *tap) filter(pass func(up bool, b []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass = pass
}

// firsts is a filter for one client: nothing passes that it says again in its handshake. Who
// gets in all the same needed no repetition, however slow the machine is.
func firsts() func(up bool, b []byte) bool {
	said := make(map[string]bool)
	return func(up bool, b []byte) bool {
		if !up || len(b) < 25 || b[0] != 22 || b[4] != 0 {
			return true
		}
		message := string(b[13:14]) + string(b[17:22]) // type, number and where a fragment begins
		again := said[message]
		said[message] = true
		return !again
	}
}

// forge sends b to the server as if the client had.
func (p *tap) forge(b []byte) { p.back.Load().Write(b) }

// unplug takes no more from the client that sent last, nor passes anything to it.
func (p *tap) unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf[p.client] = true
	p.client = netip.AddrPort{}
}

func (p *tap) up() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := p.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		ok := !p.deaf[from] && (p.pass == nil || p.pass(true, buf[:n]))
		if !p.deaf[from] {
			p.client = from
		}
		p.mu.Unlock()
		if ok {
			p.back.Load().Write(buf[:n])
		}
	}
}

func (p *tap) down(back *net.UDPConn) {
	buf := make([]byte, 64<<10)
	for {
		n, err := back.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		client := p.client
		ok := client.IsValid() && p.back.Load() == back && (p.pass == nil || p.pass(false, buf[:n]))
		p.mu.Unlock()
		if ok {
			p.front.WriteToUDPAddrPort(buf[:n], client)
		}
	}
}
