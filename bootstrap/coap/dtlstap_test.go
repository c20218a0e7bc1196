package coap_test

import (
	"net"
	"net/netip"
	"sync"
	"testing"
)

// A tap stands between clients and a server. To the server all clients are one and the
// same address and port, as a device is before and after it lost power; and the test
// may look at, hold back, alter and forge every datagram.
type tap struct {
	front *net.UDPConn // clients send here
	back  *net.UDPConn // connected to the server

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
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		front.Close()
		t.Fatal(err)
	}
	p := &tap{front: front, back: back, deaf: make(map[netip.AddrPort]bool)}
	var wg sync.WaitGroup
	wg.Go(p.up)
	wg.Go(p.down)
	t.Cleanup(func() {
		front.Close()
		back.Close()
		wg.Wait()
	})
	return p
}

// addr is where clients dial.
func (p *tap) addr() string { return p.front.LocalAddr().String() }

// filter sets what passes from now on; up is from client to server.
func (p *tap) filter(pass func(up bool, b []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pass = pass
}

// forge sends b to the server as if the client had.
func (p *tap) forge(b []byte) { p.back.Write(b) }

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
			p.back.Write(buf[:n])
		}
	}
}

func (p *tap) down() {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.back.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		client := p.client
		ok := client.IsValid() && (p.pass == nil || p.pass(false, buf[:n]))
		p.mu.Unlock()
		if ok {
			p.front.WriteToUDPAddrPort(buf[:n], client)
		}
	}
}
