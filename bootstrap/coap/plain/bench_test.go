package plain

import (
	"encoding/binary"
	"log/slog"
	"net"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// benchRequest is a Bootstrap-Request.
var benchRequest = message.Message{Code: lwm2m.Code(bootstrap.POST), ID: 1, Token: "token", Path: []string{"bs"}, Queries: []string{"ep=dev"}}

// benchUDP opens a listener that answers everything.
func benchUDP(b *testing.B) *Listener {
	b.Helper()
	cfg, err := Config{Exchange: exchange.Config{Handler: coaptest.HandlerFunc(coaptest.Changed)}}.WithDefaults()
	if err != nil {
		b.Fatal(err)
	}
	l, err := Listen("127.0.0.1:0", cfg, benchGroup())
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
	request, err := message.Encode(benchRequest)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		l := benchUDP(b)
		before := coaptest.Measure()
		for range peers {
			c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.Addr()))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close() // not before: no two may have the same port
			roundTripUDP(b, c, request)
		}
		coaptest.ReportPer(b, before, peers)
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
	request, err := message.Encode(benchRequest)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for mid := uint16(0); b.Loop(); mid++ {
		binary.BigEndian.PutUint16(request[2:], mid)
		roundTripUDP(b, c, request)
	}
}

// A datagram of a new peer that makes no request: what junk costs.
func BenchmarkUDPJunk(b *testing.B) {
	for name, junk := range map[string][]byte{
		"no CoAP":         make([]byte, 60),
		"acknowledgement": {0x60, 0x45, 0x12, 0x34},
		"no RST left":     {0x40, 0, 0x12, 0x34},
	} {
		b.Run(name, func(b *testing.B) {
			cfg, err := Config{Exchange: exchange.Config{Handler: coaptest.HandlerFunc(coaptest.NotFound)}}.WithDefaults()
			if err != nil {
				b.Fatal(err)
			}
			g, meter := benchGroup(), new(traffic.Meter)
			s, err := udp.Listen("127.0.0.1:0", g, meter, cfg.Exchange.Logger)
			if err != nil {
				b.Fatal(err)
			}
			h := exchange.NewHub(cfg.Exchange, g, meter, nil)
			defer h.Close(s.Close)
			t := newTable(h, cfg, s)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				t.take(attacker(i%10_000), junk)
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

func benchGroup() *tasks.Group {
	return tasks.NewGroup(panics.New(slog.New(slog.DiscardHandler)))
}
