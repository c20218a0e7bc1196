package coap

import (
	"encoding/binary"
	"net"
	"testing"
)

// benchUDP opens a listener that answers everything.
func benchUDP(b *testing.B) *Listener {
	b.Helper()
	l, err := ListenUDP("127.0.0.1:0", Config{Handler: handlerFunc(changed)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l
}

// What the server holds for a peer of plain CoAP that was answered, until its request
// can come again no more.
func BenchmarkUDPPeer(b *testing.B) {
	const peers = 2000
	request, err := encode(bootstrapRequest(1, "token"))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l := benchUDP(b)
		before := measure()
		for range peers {
			c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close() // not before: no two may have the same port
			roundTripUDP(b, c, request)
		}
		reportPer(b, before, peers)
		l.Close()
	}
}

// A request of a known peer, from its datagram to that of the answer.
func BenchmarkUDPRequest(b *testing.B) {
	l := benchUDP(b)
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request, err := encode(bootstrapRequest(0, "token"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for mid := uint16(0); b.Loop(); mid++ {
		binary.BigEndian.PutUint16(request[2:], mid)
		roundTripUDP(b, c, request)
	}
}

// A datagram of a stranger that makes no request: what junk costs.
func BenchmarkUDPJunk(b *testing.B) {
	for name, junk := range map[string][]byte{
		"no CoAP":         make([]byte, 60),
		"acknowledgement": {0x60, 0x45, 0x12, 0x34},
		"no RST left":     {0x40, 0, 0x12, 0x34},
	} {
		b.Run(name, func(b *testing.B) {
			cfg, err := Config{Handler: notFound{}}.withDefaults()
			if err != nil {
				b.Fatal(err)
			}
			h := newHub(cfg)
			s, err := openSocket("127.0.0.1:0", h)
			if err != nil {
				b.Fatal(err)
			}
			defer h.close(s.conn.Close)
			t := newUDPTable(h, s)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				t.take(peerAt(uint16(1024+i%10_000)), junk)
			}
		})
	}
}

func roundTripUDP(b *testing.B, c *net.UDPConn, request []byte) {
	b.Helper()
	if _, err := c.Write(request); err != nil {
		b.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 100)); err != nil {
		b.Fatal(err)
	}
}
