//go:build interop

package interop_test

import (
	"net"
	"net/netip"
	"net/url"
	"sync"
	"testing"
)

// What a datagram may begin with (RFC 5246 §6.2.1, RFC 9146 §3), and where the random of a
// ClientHello in its first record is (RFC 6347 §4.1, §4.2.2).
const (
	handshakeRecord = 22
	cidRecord       = 25

	helloType   = 13
	helloRandom = 27
	helloEnd    = helloRandom + 32
)

// A nat is on the way of devices to a server. It gives each address of theirs a port of its
// own, and reads along what can be read.
type nat struct {
	server   *net.UDPAddr
	front    *net.UDPConn // the devices send here
	restless bool         // another port for every datagram that has a connection ID; set it before the first

	mu    sync.Mutex
	ports map[netip.AddrPort]*net.UDPConn // by the address of the device; guarded by mu
	moves int                             // guarded by mu
	seen  map[[32]byte]bool               // the randoms of ClientHellos; guarded by mu
	from  map[netip.AddrPort]bool         // the addresses of devices; guarded by mu
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
	n := &nat{front: front, server: server, ports: make(map[netip.AddrPort]*net.UDPConn), seen: make(map[[32]byte]bool), from: make(map[netip.AddrPort]bool)}
	up := make(chan struct{})
	go func() {
		defer close(up)
		n.up(t)
	}()
	t.Cleanup(func() {
		front.Close()
		<-up
		for _, port := range n.ports {
			port.Close()
		}
	})
	return n
}

func (n *nat) uri() string { return "coaps://" + n.front.LocalAddr().String() }

// handshakes is how many were begun on its way: each has a random of its own.
func (n *nat) handshakes() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.seen)
}

// sources is how many addresses of devices were seen.
func (n *nat) sources() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.from)
}

// moved is how often a device got another port.
func (n *nat) moved() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.moves
}

// move gives every device another port with its next datagram.
func (n *nat) move() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for device := range n.ports {
		n.forget(device)
	}
}

// forget closes the port of a device. The caller holds mu.
func (n *nat) forget(device netip.AddrPort) {
	n.ports[device].Close()
	delete(n.ports, device)
	n.moves++
}

func (n *nat) up(t *testing.T) {
	b := make([]byte, 64<<10)
	for {
		size, device, err := n.front.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if err := n.pass(device, b[:size]); err != nil {
			t.Error(err)
			return
		}
	}
}

// pass sends a datagram of a device on. A server that cannot be reached for the moment is
// none of its business.
func (n *nat) pass(device netip.AddrPort, b []byte) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(b) >= helloEnd && b[0] == handshakeRecord && b[helloType] == 1 {
		n.seen[[32]byte(b[helloRandom:helloEnd])] = true
	}
	n.from[device] = true
	port := n.ports[device]
	if port != nil && n.restless && len(b) > 0 && b[0] == cidRecord {
		n.forget(device)
		port = nil
	}
	if port == nil {
		var err error
		if port, err = net.DialUDP("udp", nil, n.server); err != nil {
			return err
		}
		n.ports[device] = port
		go n.down(port, device)
	}
	_, _ = port.Write(b)
	return nil
}

func (n *nat) down(port *net.UDPConn, device netip.AddrPort) {
	b := make([]byte, 64<<10)
	for {
		size, err := port.Read(b)
		if err != nil {
			return
		}
		_, _ = n.front.WriteToUDPAddrPort(b[:size], device) // an error has the effect of a lost datagram
	}
}
