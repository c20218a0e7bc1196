package dtls

import (
	"context"
	"errors"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// A smallListener has room for few associations.
type smallListener struct {
	*mux
	t       testing.TB
	busy    chan struct{} // what goes on after "busy" ends with it
	working int           // how many have asked for that
	sockets map[bootstrap.Conn]net.Conn
}

func newSmallListener(t testing.TB, peers int) *smallListener {
	h := &smallListener{t: t, busy: make(chan struct{}), sockets: make(map[bootstrap.Conn]net.Conn)}
	h.mux = newTestMux(t, func(cfg *Config) {
		cfg.MaxPeers, cfg.DTLS.MaxHibernated = peers, -1
		cfg.HandshakeFailed = nil
		cfg.Exchange.Handler = coaptest.HandlerFunc(func(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			resp := bootstrap.Response{Code: lwm2m.CodeChanged}
			if r.Path[0] != "busy" {
				return resp, nil
			}
			return resp, func(context.Context) { <-h.busy }
		})
	})
	h.start()
	return h
}

// dialTest returns an association with a server, and what it goes over.
func dialTest(ctx context.Context, addr string, client pion.Client) (bootstrap.Conn, net.Conn, error) {
	socket, err := pion.Dial(ctx, addr, "", client)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := exchange.Config{Handler: coaptest.HandlerFunc(coaptest.NotFound)}.WithDefaults()
	if err != nil {
		return nil, nil, err
	}
	return exchange.Dial(socket, record.MaxDatagram, auth.Peer{Remote: addr}, cfg, testGroup(), nil), socket, nil
}

// enter lets a client in, or checks that there is no room for it.
func (h *smallListener) enter(want bool) bootstrap.Conn {
	h.t.Helper()
	limit := patience
	if !want {
		limit = 100 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), limit)
	defer cancel()
	c, socket, err := dialTest(ctx, h.socket.Addr().String(), pion.Client{Identity: "device", Key: lwm2m.NewSecret([]byte("key"))})
	if want != (err == nil) {
		h.t.Fatalf("error = %v", err)
	}
	if err == nil {
		h.sockets[c] = socket
		h.t.Cleanup(func() { c.Close() })
		h.ask(c, "bs")
	}
	return c
}

// ask makes a request, which must be answered, and waits until there is no business left
// but what "busy" asks for: an answer goes out before its association rests.
func (h *smallListener) ask(c bootstrap.Conn, path string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), patience)
	defer cancel()
	if _, err := c.Do(ctx, bootstrap.Request{Method: bootstrap.POST, Path: []string{path}}); err != nil {
		h.t.Fatal(err)
	}
	if path == "busy" {
		h.working++
	}
	h.until("the others rest", func() bool {
		n := 0
		for e := h.active.Front(); e != nil; e = e.Next() {
			if c := e.Value.(*association).conn; c == nil || !c.Idle() {
				n++
			}
		}
		return n <= h.working
	})
}

// age lets time pass for all that are in.
func (h *smallListener) age() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := h.active.Front(); e != nil; e = e.Next() {
		a := e.Value.(*association)
		a.heard = a.heard.Add(-minSilence)
	}
}

// left checks that c is told to go, and only c.
func (h *smallListener) left(c bootstrap.Conn, others ...bootstrap.Conn) {
	h.t.Helper()
	select {
	case <-c.Done():
	case <-time.After(patience):
		h.t.Fatal("no association was evicted")
	}
	for _, other := range others {
		h.ask(other, "bs")
	}
}

// Where there is no room the association makes it that was silent for longest and has no
// business; a new peer has to wait where there is none.
func TestDTLSIdleMakesRoom(t *testing.T) {
	h := newSmallListener(t, 2)
	first, second := h.enter(true), h.enter(true)
	h.enter(false) // both have been heard just now
	h.age()
	third := h.enter(true)
	h.left(first, second, third)

	// The order of arrival does not matter, but who was heard.
	h.age()
	h.ask(second, "bs")
	h.age()
	fourth := h.enter(true)
	h.left(third, second, fourth)

	// Who has business stays.
	h.ask(second, "busy")
	h.ask(fourth, "bs")
	h.age()
	fifth := h.enter(true)
	h.left(fourth, second, fifth)
	h.ask(fifth, "busy")
	h.age()
	h.enter(false)
	close(h.busy)
}

// A peer that is not authenticated evicts no association.
func TestDTLSIdleStaysForNewPeers(t *testing.T) {
	h := newSmallListener(t, 1)
	only := h.enter(true)
	h.age()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := dialTest(ctx, h.socket.Addr().String(), pion.Client{Identity: "device", Key: lwm2m.NewSecret([]byte("wrong"))})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
	h.ask(only, "bs")
}

// A roamer is the socket of a client that sends from another one in the end.
type roamer struct {
	pion.Connected
	out atomic.Pointer[net.UDPConn]
}

func (r *roamer) WriteTo(b []byte, _ net.Addr) (int, error) { return r.out.Load().Write(b) }

// Nothing is remembered of an association that has ended, wherever it was last.
func TestMuxForgetsMoved(t *testing.T) {
	h := newSmallListener(t, 10)
	dial := func() *net.UDPConn {
		nc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(h.socket.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nc.Close() })
		return nc
	}
	before, after := dial(), dial()
	r := &roamer{Connected: pion.Connected{UDPConn: before}}
	r.out.Store(before)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	secure, err := pion.Connect(ctx, r, before.RemoteAddr(), pion.Client{
		Identity: "device", Key: lwm2m.NewSecret([]byte("key")), OfferCID: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.out.Store(after)
	there := udp.Peer{Remote: after.LocalAddr().(*net.UDPAddr).AddrPort()}
	again := time.NewTicker(10 * time.Millisecond) // as a client does: the server may not know yet that the handshake is complete
	defer again.Stop()
	h.until("it has moved", func() bool {
		select {
		case <-again.C:
			if _, err := secure.Write([]byte{0x40, 2, 0, 1, 0xb2, 'b', 's'}); err != nil {
				t.Error(err)
			}
		default:
		}
		return len(h.slots) == 1 && h.slots[there].association != nil
	})
	secure.Close()
	h.until("nothing is left", func() bool {
		return len(h.slots)+len(h.cids)+h.active.Len()+h.limiter.Len() == 0
	})
}

// until waits until ok, which is called with mu held.
func (h *smallListener) until(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		h.mu.Lock()
		is := ok()
		h.mu.Unlock()
		switch {
		case is:
			return
		case time.Now().After(deadline):
			h.t.Fatalf("not within %v: %s", patience, what)
		}
		runtime.Gosched()
	}
}
