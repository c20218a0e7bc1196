package coap_test

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

// A handlerFunc is a [bootstrap.Handler].
type handlerFunc func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context))

func (f handlerFunc) ServeRequest(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return f(ctx, c, r)
}

// reporter is a handler that answers all with 2.04 and puts the conns into a channel.
func reporter() (handlerFunc, <-chan bootstrap.Conn) {
	conns := make(chan bootstrap.Conn, 1000)
	return func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
		conns <- c
		return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
	}, conns
}

// checkLeaks fails the test if it leaves a goroutine. It is called before anything that
// the test cleans up.
func checkLeaks(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
}

// post is CON POST /bs with mid, which is its token as well.
func post(mid uint16) []byte {
	b := []byte{0x42, 2, 0, 0, 0, 0, 0xb2, 'b', 's'}
	binary.BigEndian.PutUint16(b[2:], mid)
	binary.BigEndian.PutUint16(b[4:], mid)
	return b
}

// exchange sends b over c and returns what comes back.
func exchange(t testing.TB, c net.Conn, b []byte) []byte {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	return read(t, c)
}

// insist is exchange for a b that may have to be sent more than once.
func insist(t testing.TB, c net.Conn, b []byte) []byte {
	t.Helper()
	buf := make([]byte, 4096)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if _, err := c.Write(b); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := c.Read(buf); err == nil {
			return buf[:n]
		}
	}
	t.Fatalf("%x was not answered", b)
	panic("unreachable")
}

// rests waits until c, of a server, has no business left: its peer is answered before.
func rests(t *testing.T, c bootstrap.Conn) {
	t.Helper()
	until(t, "it rests", func() bool { return coap.Resting(c) })
}

func read(t testing.TB, c net.Conn) []byte {
	t.Helper()
	buf := make([]byte, 4096)
	c.SetReadDeadline(time.Now().Add(patience))
	n, err := c.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// wantChanged checks that reply is the 2.04 to post(mid).
func wantChanged(t testing.TB, reply []byte, mid uint16) {
	t.Helper()
	want := post(mid)[:6]
	want[0], want[1] = 0x62, 0x44
	if string(reply) != string(want) {
		t.Fatalf("received %x, want %x", reply, want)
	}
}

// The 2.04 is with the network before what follows it begins: never does the first
// request of the server overtake it.
func TestAnswerComesFirst(t *testing.T) {
	checkLeaks(t)
	l := listenUDP(t, coap.Config{Handler: handlerFunc(
		func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) { c.Do(ctx, finish) }
		},
	)})
	c := dialRaw(t, l)
	for mid := range uint16(5000) {
		wantChanged(t, exchange(t, c, post(mid)), mid)
		request := read(t, c)
		if request[0] != 0x48 || request[1] != 2 {
			t.Fatalf("received %x, want the request of the server", request)
		}
		request[0], request[1] = 0x68, 0x44
		if _, err := c.Write(request[:12]); err != nil {
			t.Fatal(err)
		}
	}
}

// Handlers that hang, and a peer that sends without end, delay no other.
func TestBlockedHandlerDelaysNoOther(t *testing.T) {
	checkLeaks(t)
	release := make(chan struct{})
	report, conns := reporter()
	l := listenUDP(t, coap.Config{Handler: handlerFunc(
		func(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			if len(r.Queries) > 0 {
				<-release
			}
			return report(ctx, c, r)
		},
	)})
	loud := dialRaw(t, l)
	for mid := range uint16(500) {
		if _, err := loud.Write(append(post(mid), 0x42, 'e', 'p')); err != nil {
			t.Fatal(err)
		}
	}
	for mid := range uint16(20) {
		wantChanged(t, exchange(t, dialRaw(t, l), post(mid)), mid)
	}
	close(release)
	for range 20 {
		next(t, "request", conns)
	}
	if n := l.Counters(); n.Dropped[traffic.DropQueueFull]+n.Dropped[traffic.DropBusy] == 0 {
		t.Errorf("counters %+v, want datagrams that were dropped", n)
	}
}

// A datagram above the limit is refused, not cut and handled; one as long as the limit is handled.
func TestOversizeDatagrams(t *testing.T) {
	checkLeaks(t)
	report, conns := reporter()
	l := listenUDP(t, coap.Config{Handler: report})
	c := dialRaw(t, l)
	for i, size := range []int{2049, 9000, 60_000} {
		b := make([]byte, size)
		mid := uint16(i)
		b[copy(b, post(mid))] = 0xff
		if got, want := exchange(t, c, b), []byte{0x70, 0, 0, byte(i)}; string(got) != string(want) {
			t.Errorf("%d bytes were answered with %x, want %x", size, got, want)
		}
		wantChanged(t, exchange(t, c, post(100+mid)), 100+mid) // now from a peer that is known
		next(t, "request", conns)
	}
	largest := make([]byte, 2048)
	largest[copy(largest, post(200))] = 0xff
	wantChanged(t, exchange(t, c, largest), 200)
	next(t, "request", conns)
	if len(conns) != 0 {
		t.Errorf("the handler saw %d requests more", len(conns))
	}
	if n := l.Counters(); n.Dropped[traffic.DropOversize] != 3 || n.Received != 7 || n.Sent != 7 {
		t.Errorf("counters %+v, want 7 received, 3 of them too large, 7 sent", n)
	}
}

func TestMaxPeers(t *testing.T) {
	checkLeaks(t)
	report, conns := reporter()
	release := make(chan struct{})
	var busy sync.WaitGroup
	l := listenUDP(t, coap.Config{MaxPeers: 3, NewPeers: admission.NewPeerLimits{PeersPerAddress: 4}, Handler: handlerFunc(
		func(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			resp, _ := report(ctx, c, r)
			if len(r.Queries) == 0 {
				return resp, nil
			}
			return resp, func(context.Context) { defer busy.Done(); <-release }
		},
	)})
	open := func(mid uint16, query ...byte) (*net.UDPConn, bootstrap.Conn) {
		c := dialRaw(t, l)
		wantChanged(t, exchange(t, c, append(post(mid), query...)), mid)
		conn := next(t, "request", conns)
		if len(query) == 0 {
			rests(t, conn)
		}
		return c, conn
	}

	// New peers that send no request take no place and evict no other.
	_, first := open(1)
	for range 10 {
		if got := exchange(t, dialRaw(t, l), []byte{0x40, 0, 0x12, 0x34}); got[0] != 0x70 {
			t.Fatalf("ping was answered with %x", got)
		}
	}
	second, secondConn := open(2)
	_, third := open(3)

	// The fourth takes the place of the one not heard for longest.
	wantChanged(t, exchange(t, second, post(2)), 2)
	rests(t, secondConn)
	_, fourth := open(4)
	next(t, "end of the first", first.Done())
	wantChanged(t, exchange(t, second, post(2)), 2) // a duplicate, so it is still known
	rests(t, secondConn)
	if len(conns) != 0 {
		t.Fatal("the second peer was forgotten")
	}

	// Who has business stays: with all of them busy a new peer has to wait.
	busy.Add(3)
	for mid := range uint16(3) {
		open(10+mid, 0x42, 'e', 'p')
	}
	for _, c := range []bootstrap.Conn{secondConn, third, fourth} {
		next(t, "end of an idle one", c.Done())
	}
	late := dialRaw(t, l)
	before := l.Counters().Dropped[traffic.DropTableFull]
	if _, err := late.Write(post(20)); err != nil {
		t.Fatal(err)
	}
	until(t, "the new peer is turned away", func() bool { return l.Counters().Dropped[traffic.DropTableFull] > before })
	close(release)
	busy.Wait()
	wantChanged(t, insist(t, late, post(20)), 20)
}

// A host with several addresses answers from the one that was asked, or a connected
// client never hears it.
func TestReplySource(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("wildcard sockets choose their source here, and there is no 127.0.0.2")
	}
	for _, addr := range []string{"0.0.0.0:0", ":0"} {
		t.Run(addr, func(t *testing.T) {
			checkLeaks(t)
			report, conns := reporter()
			l, err := coap.ListenUDP(addr, coap.Config{Handler: handlerFunc(
				func(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
					resp, _ := report(ctx, c, r)
					return resp, func(ctx context.Context) { c.Do(ctx, finish) }
				},
			)})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			remote := net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: int(l.Addr().Port())}
			c, err := net.DialUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, &remote)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if got := exchange(t, c, []byte{0x40, 0, 0x12, 0x34}); got[0] != 0x70 { // to a peer without an association
				t.Errorf("ping was answered with %x", got)
			}
			wantChanged(t, exchange(t, c, post(1)), 1)
			if request := read(t, c); request[1] != 2 {
				t.Errorf("received %x, want the request of the server", request)
			}
			peer := next(t, "request", conns).Peer()
			if want := c.LocalAddr().String(); peer.Remote != want || peer.Transport != "coap" || peer.Identity != "" || peer.Secure() {
				t.Errorf("peer is %+v, want %s", peer, want)
			}

			// To the other address it is another association.
			remote.IP = net.IPv4(127, 0, 0, 1)
			local := c.LocalAddr().(*net.UDPAddr)
			c.Close()
			if c, err = net.DialUDP("udp", local, &remote); err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			wantChanged(t, exchange(t, c, post(1)), 1)
			next(t, "request", conns)
		})
	}
}

// After the end of an association its peer begins afresh; while it lingers, duplicates
// are still known.
func TestLingerAndClose(t *testing.T) {
	checkLeaks(t)
	report, conns := reporter()
	l := listenUDP(t, coap.Config{Handler: report})
	c := dialRaw(t, l)
	wantChanged(t, exchange(t, c, post(1)), 1)
	first := next(t, "request", conns)
	first.Linger(time.Hour)
	wantChanged(t, exchange(t, c, post(1)), 1)
	if len(conns) != 0 {
		t.Fatal("a duplicate was handled")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	wantChanged(t, exchange(t, c, post(1)), 1)
	if second := next(t, "request", conns); second == first {
		t.Error("a closed association was used again")
	}
}

func TestIdlePeersAreForgotten(t *testing.T) {
	checkLeaks(t)
	report, conns := reporter()
	l := listenUDP(t, coap.Config{Handler: report, IdleTimeout: 20 * time.Millisecond})
	wantChanged(t, exchange(t, dialRaw(t, l), post(1)), 1)
	next(t, "end", next(t, "request", conns).Done())
}

// Close ends what runs and waits for it.
func TestListenerClose(t *testing.T) {
	checkLeaks(t)
	started := make(chan struct{}, 10)
	ended := make(chan error, 10)
	why := make(chan error, 10)
	l := listenUDP(t, coap.Config{Handler: handlerFunc(
		func(_ context.Context, c bootstrap.Conn, _ bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			return bootstrap.Response{Code: lwm2m.CodeChanged}, func(ctx context.Context) {
				started <- struct{}{}
				_, err := c.Do(ctx, finish)
				why <- context.Cause(ctx)
				ended <- err
			}
		},
	)})
	for mid := range uint16(10) {
		wantChanged(t, exchange(t, dialRaw(t, l), post(mid)), mid)
		next(t, "session", started)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if len(ended) != 10 {
		t.Fatalf("%d of 10 have ended with Close", len(ended))
	}
	for range 10 {
		if err := <-ended; !errors.Is(err, bootstrap.ErrGone) {
			t.Errorf("Do returned %v, want %v", err, bootstrap.ErrGone)
		}
		if err := <-why; !errors.Is(err, bootstrap.ErrStopping) {
			t.Errorf("the context ends with %v, want %v", err, bootstrap.ErrStopping)
		}
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestListenUDPErrors(t *testing.T) {
	checkLeaks(t)
	report, _ := reporter()
	taken := listenUDP(t, coap.Config{Handler: report}).Addr().String()
	tests := []struct {
		name, addr string
		cfg        coap.Config
		want       string
	}{
		{"in use", taken, coap.Config{Handler: report}, "address already in use"},
		{"no port", "127.0.0.1", coap.Config{Handler: report}, "missing port"},
		{"no handler", "127.0.0.1:0", coap.Config{}, "there is no Handler"},
		{"several mistakes", "127.0.0.1:0", coap.Config{MaxPeers: -1, IdleTimeout: -1, MaxPayload: 1 << 20}, "MaxPayload 1048576"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := coap.ListenUDP(tt.addr, tt.cfg)
			if err == nil {
				l.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.addr) {
				t.Errorf("error %v, want one with %q and %q", err, tt.want, tt.addr)
			}
			if (tt.cfg.Handler == nil) != errors.Is(err, coap.ErrConfig) {
				t.Errorf("error %v is about the configuration or is not", err)
			}
		})
	}
}
