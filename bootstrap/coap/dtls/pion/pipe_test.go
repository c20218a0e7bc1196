package pion

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/udp"
)

func TestPipe(t *testing.T) {
	p := NewPipe(udp.NewSocket(coaptest.NewMemoryConn(func([]byte, netip.AddrPort) {}), nil, nil, nil), portOf(9))
	b := make([]byte, 10)

	at := func(i int) udp.Peer { return portOf(uint16(9 + i%2)) } // of the peer, and of an unknown one
	for i := range maxQueue {
		if !p.Put([]byte{byte(i)}, at(i)) {
			t.Fatalf("no room for datagram %d", i)
		}
	}
	if p.Put([]byte{1}, portOf(9)) {
		t.Error("a full pipe takes more")
	}
	for i := range maxQueue {
		n, from, err := p.ReadFrom(b)
		if n != 1 || b[0] != byte(i) || from != at(i) || err != nil {
			t.Fatalf("read %x from %v, error %v", b[:n], from, err)
		}
	}

	p.SetReadDeadline(time.Now().Add(time.Millisecond))
	if _, _, err := p.ReadFrom(b); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("error at the deadline = %v", err)
	}
	p.SetDeadline(time.Time{})
	go p.Close()
	if _, _, err := p.ReadFrom(b); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error of a closed pipe = %v", err)
	}
	if n, err := p.WriteTo([]byte{1, 2}, portOf(9)); n != 2 || err != nil {
		t.Errorf("write into a closed pipe: %d, %v", n, err)
	}
}

func portOf(port uint16) udp.Peer {
	return udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
}
