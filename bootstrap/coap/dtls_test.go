package coap_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/lwm2m"
)

// patience is how long a test waits for what must happen, on any machine.
const patience = time.Minute

var testKey = lwm2m.NewSecret([]byte("0123456789abcdef"))

// A dtlsServer is a listener that knows one key, testKey, for every identity that
// begins with "known", and answers every request with 2.04. Everything that happens is
// put into a channel.
type dtlsServer struct {
	*coap.Listener
	requests  chan bootstrap.Conn // that a request came on
	failed    chan auth.Handshake // handshakes
	noRequest chan auth.Peer
	unused    chan attempt.UnusedEnd // as the same ended

	// after, where not nil, follows each answer.
	after func(ctx context.Context, conn bootstrap.Conn)
}

func (s *dtlsServer) ServeRequest(
	_ context.Context, conn bootstrap.Conn, _ bootstrap.Request,
) (bootstrap.Response, func(context.Context)) {
	s.requests <- conn
	resp := bootstrap.Response{Code: lwm2m.CodeChanged}
	if s.after == nil {
		return resp, nil
	}
	return resp, func(ctx context.Context) { s.after(ctx, conn) }
}

// Listen opens a dtlsServer that ends with the test, and checks that nothing is
// left of it. set, where not nil, alters its configuration.
func Listen(t testing.TB, set func(*coap.Config), after func(context.Context, bootstrap.Conn)) *dtlsServer {
	t.Helper()
	return listenDTLSAt(t, "127.0.0.1:0", set, after)
}

func listenDTLSAt(
	t testing.TB, addr string, set func(*coap.Config), after func(context.Context, bootstrap.Conn),
) *dtlsServer {
	t.Helper()
	leaks := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leaks) })
	s := &dtlsServer{
		requests:  make(chan bootstrap.Conn, 1000),
		failed:    make(chan auth.Handshake, 1000),
		noRequest: make(chan auth.Peer, 1000),
		unused:    make(chan attempt.UnusedEnd, 1000),
		after:     after,
	}
	cfg := coap.Config{
		Handler: s,
		PSK: func(identity string) (lwm2m.Secret, error) {
			if !strings.HasPrefix(identity, "known") {
				return lwm2m.Secret{}, nil
			}
			return testKey, nil
		},
		HandshakeFailed: func(h auth.Handshake) { s.failed <- h },
		DTLS: dtls.Options{
			MaxPerPeer: 10_000, // the clients of a test are one device
			PionForPSK: coaptest.PionForPSK(),
			NoRequest: func(p auth.Peer, _ time.Time, end attempt.UnusedEnd) {
				s.unused <- end
				s.noRequest <- p
			},
		},
	}
	if set != nil {
		set(&cfg)
	}
	l, err := coap.ListenDTLS(addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = l
	t.Cleanup(func() { l.Close() })
	return s
}

// Dial dials addr as "known" with testKey, unless set alters that. The association
// ends with the test.
func Dial(t testing.TB, addr string, set func(*coap.DialConfig)) bootstrap.Conn {
	t.Helper()
	conn, err := tryDTLS(addr, patience, set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func tryDTLS(addr string, timeout time.Duration, set func(*coap.DialConfig)) (bootstrap.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cfg := coap.DialConfig{Identity: "known", Key: testKey}
	if set != nil {
		set(&cfg)
	}
	return coap.DialDTLS(ctx, addr, cfg)
}

// ask makes a request over conn, which must be answered with 2.04.
func ask(t testing.TB, conn bootstrap.Conn) {
	t.Helper()
	if err := tryAsk(conn); err != nil {
		t.Fatal(err)
	}
}

func tryAsk(conn bootstrap.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := conn.Do(ctx, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}})
	if err == nil && resp.Code != lwm2m.CodeChanged {
		err = fmt.Errorf("answer is %v, want 2.04", resp.Code)
	}
	return err
}

// dialUntil dials until ok, and gives up then: the client must not get in.
func dialUntil(t *testing.T, addr, what string, ok func() bool) {
	t.Helper()
	giveUp := beginDTLS(t, addr, nil)
	until(t, what, ok)
	giveUp()
}

// beginDTLS begins to dial, and returns how to give that up: the client must not have got in.
func beginDTLS(t *testing.T, addr string, set func(*coap.DialConfig)) (giveUp func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cfg := coap.DialConfig{Identity: "known", Key: testKey}
	if set != nil {
		set(&cfg)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := coap.DialDTLS(ctx, addr, cfg)
		ended <- err
	}()
	return func() {
		t.Helper()
		cancel()
		if err := next(t, "end of the handshake", ended); !errors.Is(err, context.Canceled) {
			t.Errorf("the client's error = %v, want that it was given up", err)
		}
	}
}

// paced is d, a time in which a client does its part, or longer where a handshake and a
// request take more than a fifteenth of it on this machine now.
func paced(t *testing.T, d time.Duration) time.Duration {
	t.Helper()
	s := Listen(t, nil, nil)
	began := time.Now()
	conn := Dial(t, s.Addr().String(), nil)
	ask(t, conn)
	took := time.Since(began)
	conn.Close()
	return max(d, 15*took)
}

// next takes the next element of c, which must come.
func next[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("no %s within %v", what, patience)
		panic("not reached")
	}
}

// none checks that nothing is in c.
func none[T any](t testing.TB, what string, c <-chan T) {
	t.Helper()
	select {
	case v := <-c:
		t.Errorf("unexpected %s: %+v", what, v)
	default:
	}
}

func TestDTLSSuites(t *testing.T) {
	for _, suite := range record.Suites() {
		t.Run(suite.String(), func(t *testing.T) {
			s := Listen(t, nil, nil)
			conn := Dial(t, s.Addr().String(), func(cfg *coap.DialConfig) {
				cfg.Suites = []record.Suite{suite}
				cfg.Identity = "known-\x00\xff"
			})
			ask(t, conn)
			got := next(t, "request", s.requests).Peer()
			if got.Identity != "known-\x00\xff" || got.Transport != "coaps" || !got.Secure() {
				t.Errorf("peer = %+v", got)
			}
		})
	}
}

func TestDTLSNoCommonSuite(t *testing.T) {
	s := Listen(t, nil, nil)
	_, err := tryDTLS(s.Addr().String(), patience, func(cfg *coap.DialConfig) {
		cfg.Suites = []record.Suite{0xc0a9} // TLS_PSK_WITH_AES_256_CCM_8
	})
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want an alert", err)
	}
	if h := next(t, "failed handshake", s.failed); h.Identity != "" || h.Err == nil {
		t.Errorf("handshake = %+v", h)
	}
}

func TestDTLSManyHandshakes(t *testing.T) {
	s := Listen(t, nil, nil)
	errs := make(chan error)
	for range 200 {
		go func() {
			conn, err := tryDTLS(s.Addr().String(), 4*patience, nil)
			if err == nil {
				err = tryAsk(conn)
				conn.Close()
			}
			errs <- err
		}()
	}
	for range 200 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	none(t, "failed handshake", s.failed)
}

// A device that closes its association as soon as it has answered the last request
// must not look as if it had not answered.
func TestDTLSCloseAfterLastAnswer(t *testing.T) {
	const sessions = 100
	results := make(chan error, sessions)
	s := Listen(t, nil, func(ctx context.Context, conn bootstrap.Conn) {
		_, err := conn.Do(ctx, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}})
		results <- err
	})
	for range sessions {
		conn := Dial(t, s.Addr().String(), func(cfg *coap.DialConfig) { cfg.Handler = hangsUp{} })
		if err := tryAsk(conn); err != nil && !errors.Is(err, bootstrap.ErrGone) {
			t.Fatal(err)
		}
		if err := next(t, "result", results); err != nil {
			t.Fatalf("the last answer was lost: %v", err)
		}
	}
}

// hangsUp answers a request and closes the association.
type hangsUp struct{}

func (hangsUp) ServeRequest(
	_ context.Context, conn bootstrap.Conn, _ bootstrap.Request,
) (bootstrap.Response, func(context.Context)) {
	return bootstrap.Response{Code: lwm2m.CodeChanged}, func(context.Context) { conn.Close() }
}

func TestDTLSPeerCloses(t *testing.T) {
	s := Listen(t, nil, nil)
	conn := Dial(t, s.Addr().String(), nil)
	ask(t, conn)
	far := next(t, "request", s.requests)
	conn.Close()
	next(t, "end of the association", far.Done())
	none(t, "association without request", s.noRequest)
}

func TestDTLSServerCloses(t *testing.T) {
	s := Listen(t, nil, nil)
	conn := Dial(t, s.Addr().String(), nil)
	ask(t, conn)
	next(t, "request", s.requests).Close()
	next(t, "end of the association", conn.Done())
}

func TestDTLSNoRequest(t *testing.T) {
	t.Run("silent", func(t *testing.T) {
		s := Listen(t, func(cfg *coap.Config) {
			cfg.DTLS.RequestTimeout, cfg.DTLS.MaxHibernated = 20*time.Millisecond, -1
		}, nil)
		conn := Dial(t, s.Addr().String(), nil)
		if p := next(t, "association without request", s.noRequest); p.Identity != "known" {
			t.Errorf("peer = %+v", p)
		}
		if end := next(t, "how it ended", s.unused); end != attempt.UnusedInTime {
			t.Errorf("it ended as %v", end)
		}
		next(t, "end of the association", conn.Done())
		none(t, "failed handshake", s.failed)
	})
	t.Run("leaves", func(t *testing.T) {
		s := Listen(t, nil, nil)
		for range 100 { // its end may overtake the last step of the handshake
			Dial(t, s.Addr().String(), nil).Close()
			next(t, "association without request", s.noRequest)
			if end := next(t, "how it ended", s.unused); end != attempt.UnusedClosed {
				t.Errorf("it ended as %v", end)
			}
		}
		none(t, "failed handshake", s.failed)
	})
	t.Run("asked in time", func(t *testing.T) {
		timeout := paced(t, 300*time.Millisecond)
		s := Listen(t, func(cfg *coap.Config) { cfg.DTLS.RequestTimeout = timeout }, nil)
		conn := Dial(t, s.Addr().String(), nil)
		ask(t, conn)
		select {
		case <-conn.Done():
			t.Error("closed although it had asked")
		case <-time.After(timeout * 4 / 3):
		}
		conn.Close()
		next(t, "end of the association", next(t, "request", s.requests).Done())
		none(t, "association without request", s.noRequest)
	})
}

func TestDTLSListenerClose(t *testing.T) {
	s := Listen(t, nil, func(ctx context.Context, _ bootstrap.Conn) { <-ctx.Done() })
	conn := Dial(t, s.Addr().String(), nil) // with a request being attended to
	ask(t, conn)
	far := next(t, "request", s.requests)
	Dial(t, s.Addr().String(), nil) // that did not ask yet, and may be told or not
	p := newTap(t, s.Addr())        // and a handshake under way
	p.filter(func(up bool, b []byte) bool { return up })
	stuck := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, err := coap.DialDTLS(ctx, p.addr(), coap.DialConfig{Identity: "known", Key: testKey})
		stuck <- err
	}()

	s.Close()
	s.Close()
	select {
	case <-far.Done():
	default:
		t.Error("an association outlives its listener")
	}
	next(t, "end of the association", conn.Done())
	cancel()
	if err := next(t, "end of the handshake", stuck); !errors.Is(err, context.Canceled) {
		t.Errorf("error of a cancelled dial = %v", err)
	}
	none(t, "failed handshake", s.failed)
	none(t, "association without request", s.noRequest)
}

func TestDTLSMaxPeers(t *testing.T) {
	s := Listen(t, func(cfg *coap.Config) { cfg.MaxPeers = 3 }, nil)
	var conns []bootstrap.Conn
	for range 3 {
		conn := Dial(t, s.Addr().String(), nil)
		ask(t, conn)
		conns = append(conns, conn)
	}
	dialUntil(t, s.Addr().String(), "it was turned away", func() bool { return s.Counters().Dropped[traffic.DropTableFull] > 0 })
	conns[0].Close()
	ask(t, Dial(t, s.Addr().String(), nil)) // perhaps at its second ClientHello
	for _, conn := range conns[1:] {
		ask(t, conn)
	}
}

func TestDTLSConfig(t *testing.T) {
	psk := func(string) (lwm2m.Secret, error) { return lwm2m.Secret{}, nil }
	for name, cfg := range map[string]coap.Config{
		"no key finder":      {Handler: hangsUp{}},
		"no handler":         {PSK: psk},
		"handshake timeout":  {Handler: hangsUp{}, PSK: psk, DTLS: dtls.Options{HandshakeTimeout: -1}},
		"handshakes":         {Handler: hangsUp{}, PSK: psk, DTLS: dtls.Options{MaxHandshakes: -1}},
		"handshakes per net": {Handler: hangsUp{}, PSK: psk, DTLS: dtls.Options{MaxHandshakesPerNet: -1}},
		"certificates":       {Handler: hangsUp{}, PSK: psk, DTLS: dtls.Options{Certificates: func() []tls.Certificate { return nil }}},
		"verification":       {Handler: hangsUp{}, PSK: psk, DTLS: dtls.Options{VerifyClient: verifyKnown}},
		"request timeout":    {Handler: hangsUp{}, PSK: psk, DTLS: dtls.Options{RequestTimeout: -1}},
	} {
		l, err := coap.ListenDTLS("127.0.0.1:0", cfg)
		if !errors.Is(err, coap.ErrConfig) {
			t.Errorf("%s: error = %v, want %v", name, err, coap.ErrConfig)
		}
		if l != nil {
			l.Close()
		}
	}
	s := Listen(t, nil, nil)
	if _, err := coap.ListenDTLS(s.Addr().String(), coap.Config{Handler: s, PSK: psk}); err == nil {
		t.Error("two listeners on one address")
	}
}

func TestDialDTLSErrors(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx := t.Context()
	ok := coap.DialConfig{Identity: "known", Key: testKey}
	for name, set := range map[string]func(*coap.DialConfig){
		"no identity": func(cfg *coap.DialConfig) { cfg.Identity = "" },
		"no key":      func(cfg *coap.DialConfig) { cfg.Key = lwm2m.Secret{} },
		"bad local":   func(cfg *coap.DialConfig) { cfg.Local = "nowhere" },
		"bad suite":   func(cfg *coap.DialConfig) { cfg.Suites = []record.Suite{1} },
		"no change":   func(*coap.DialConfig) {},
	} {
		cfg := ok
		set(&cfg)
		if conn, err := coap.DialDTLS(ctx, "127.0.0.1:9", cfg); err == nil {
			t.Errorf("%s: no error", name)
			conn.Close()
		}
	}
}

func TestDTLSLocalAddress(t *testing.T) {
	s := Listen(t, nil, nil)
	ask(t, Dial(t, s.Addr().String(), func(cfg *coap.DialConfig) { cfg.Local = "127.0.0.9:0" }))
	if got := next(t, "request", s.requests).Peer().Remote; !strings.HasPrefix(got, "127.0.0.9:") {
		t.Errorf("remote = %s", got)
	}
}

// A peer is answered from the address that it sent to, whichever of the host's that is.
func TestDTLSWildcard(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("wildcard sockets choose their source here, and there is no 127.0.0.2")
	}
	for _, addr := range []string{"0.0.0.0:0", ":0"} {
		t.Run(addr, func(t *testing.T) {
			s := listenDTLSAt(t, addr, nil, nil)
			for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
				ask(t, Dial(t, fmt.Sprintf("%s:%d", host, s.Addr().Port()), nil))
			}
		})
	}
}

// Requests of both sides at the same time go their ways.
func TestDTLSBothWays(t *testing.T) {
	s := Listen(t, nil, nil)
	near := Dial(t, s.Addr().String(), func(cfg *coap.DialConfig) { cfg.Handler = answers{} })
	ask(t, near)
	far := next(t, "request", s.requests)
	var wg sync.WaitGroup
	for _, conn := range []bootstrap.Conn{near, far} {
		wg.Go(func() {
			for range 50 {
				if err := tryAsk(conn); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// answers answers every request with 2.04.
type answers struct{}

func (answers) ServeRequest(
	context.Context, bootstrap.Conn, bootstrap.Request,
) (bootstrap.Response, func(context.Context)) {
	return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
}
