package plain

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// What an attack over plain CoAP takes of memory is what docs/operations.md tells, in bytes for
// each peer, whatever the peers send.
func TestMemoryOfPlainAttacks(t *testing.T) {
	const peers = 1000
	for _, tt := range []struct {
		name  string
		limit int // bytes for each peer
		send  func(c *exchange.Conn)
	}{
		{"a request, not answered", 24 << 10, func(c *exchange.Conn) { c.Deliver(forgedRequest(t, 1, nil)) }},
		{"requests that are all different", 32 << 10, func(c *exchange.Conn) {
			for mid := range uint16(200) {
				c.Deliver(forgedRequest(t, mid, nil))
			}
		}},
		{"uploads that do not end", 16 << 10, func(c *exchange.Conn) {
			for i := range uint32(7) {
				c.Deliver(forgedRequest(t, uint16(i), &message.Block{Num: i, More: true, SZX: message.MaxSZX}))
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inTable(t, func(t *testing.T, s testTable) {
				limit := tt.limit * coaptest.MemoryFactor
				took := coaptest.MemoryOf(limit*peers, func() {
					for i := range peers {
						tt.send(s.conn(attacker(i)))
					}
					synctest.Wait()
				})
				t.Logf("%d bytes for each peer", took/peers)
				if took > limit*peers {
					t.Errorf("a peer takes %d bytes, want %d at the most", took/peers, limit)
				}
			})
		})
	}
}

// forgedRequest is POST /bs with a query of a device; with a block, a part of a payload.
func forgedRequest(t *testing.T, mid uint16, b *message.Block) []byte {
	m := message.Message{Kind: message.Confirmable, Code: lwm2m.Code(bootstrap.POST), ID: mid, Token: "12345678", Path: []string{"bs"}, Queries: []string{"ep=urn:imei:356789012345678"}}
	if b != nil {
		m.Block1, m.Payload = b, make([]byte, b.Size())
	}
	datagram, err := message.Encode(m)
	if err != nil {
		t.Fatal(err)
	}
	return datagram
}

// A testTable is a table whose peers never answer, but for one that answers once.
type testTable struct {
	*table
	t     *testing.T
	ended chan error // why the requests to peers ended
}

// inTable runs a test with a table, in a bubble of [synctest].
func inTable(t *testing.T, f func(t *testing.T, s testTable)) {
	synctest.Test(t, func(t *testing.T) {
		s := newTestTable(t)
		defer s.hub.Close(s.socket.Close)
		f(t, s)
	})
}

// deviceNumber is the one attacker that answers the first request of the server.
const deviceNumber = 500

func newTestTable(t *testing.T) testTable {
	ended := make(chan error, 10_000)
	cfg, err := Config{Exchange: exchange.Config{Handler: coaptest.HandlerFunc(func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) {
			for {
				if _, err := c.Do(ctx, bootstrap.Request{Method: bootstrap.GET, Accept: lwm2m.FormatLink}); err != nil {
					ended <- context.Cause(ctx)
					return
				}
			}
		}
	})}}.WithDefaults()
	if err != nil {
		t.Fatal(err)
	}
	g, meter := tasks.NewGroup(panics.New(cfg.Exchange.Logger)), new(traffic.Meter)
	var table testTable
	var answered atomic.Bool
	s := udp.NewSocket(coaptest.NewMemoryConn(func(b []byte, to netip.AddrPort) {
		m, err := message.Decode(b)
		if err != nil {
			t.Error(err)
		}
		if to != coaptest.Attacker(deviceNumber) || !m.IsRequest() || answered.Swap(true) {
			return
		}
		answer, err := message.Encode(message.Message{Kind: message.Acknowledgement, Code: lwm2m.CodeContent, ID: m.ID, Token: m.Token})
		if err != nil {
			t.Error(err)
		}
		table.take(attacker(deviceNumber), answer)
	}), g, meter, cfg.Exchange.Logger)
	table = testTable{newTable(exchange.NewHub(cfg.Exchange, g, meter, nil), cfg, s), t, ended}
	return table
}

// attacker is the i-th peer of an attack.
func attacker(i int) udp.Peer { return udp.Peer{Remote: coaptest.Attacker(i)} }

// conn returns the conn of a peer, new where there is none.
func (s testTable) conn(peer udp.Peer) *exchange.Conn {
	if c := s.find(peer, true); c != nil {
		return c
	}
	c, why := s.admit(peer, admission.Reservation{})
	if why != traffic.NotDropped {
		s.t.Fatal(why)
	}
	return c
}
