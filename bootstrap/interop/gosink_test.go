//go:build interop

package interop_test

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	piondtls "github.com/pion/dtls/v3"
	"github.com/plgd-dev/go-coap/v3/dtls"
	"github.com/plgd-dev/go-coap/v3/message"
	"github.com/plgd-dev/go-coap/v3/message/codes"
	"github.com/plgd-dev/go-coap/v3/mux"
	coapnet "github.com/plgd-dev/go-coap/v3/net"
	"github.com/plgd-dev/go-coap/v3/options"
	"github.com/plgd-dev/go-coap/v3/udp"
)

// A goSink is a server on go-coap, of the registration interface only (LwM2M Core 1.1.1
// §6.2).
type goSink struct {
	uris          map[string]string // by scheme
	registrations chan registration

	mu       sync.Mutex
	accounts map[string]account // by identity; guarded by mu
	refuse   <-chan struct{}    // the next registration is refused, when it is closed; guarded by mu
}

func newGoSink(t *testing.T) sink {
	t.Helper()
	s := &goSink{registrations: make(chan registration, 10), accounts: make(map[string]account)}
	plain, err1 := coapnet.NewListenUDP("udp4", "127.0.0.1:0")
	secure, err2 := coapnet.NewDTLSListener("udp4", "127.0.0.1:0", coapnet.NewDTLSServerOptions(
		piondtls.WithPSK(s.key), piondtls.WithCipherSuites(piondtls.TLS_PSK_WITH_AES_128_CCM_8)))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	s.uris = map[string]string{"coap": "coap://" + plain.LocalAddr().String(), "coaps": "coaps://" + secure.Addr().String()}

	var running sync.WaitGroup
	stopped := make(chan struct{})
	quiet := options.WithErrors(func(error) {})
	ticks := options.WithPeriodicRunner(func(tick func(now time.Time) bool) {
		running.Go(func() { every(time.Second, stopped, tick) })
	})
	router := mux.NewRouter()
	router.DefaultHandleFunc(s.serve)
	plainServer := udp.NewServer(options.WithMux(router), quiet, ticks)
	secureServer := dtls.NewServer(options.WithMux(router), quiet, ticks)
	running.Go(func() { _ = plainServer.Serve(plain) })
	running.Go(func() { _ = secureServer.Serve(secure) })
	t.Cleanup(func() {
		plainServer.Stop()
		secureServer.Stop()
		close(stopped)
		_ = plain.Close()
		_ = secure.Close()
		running.Wait()
	})
	return s
}

// every calls tick until it returns false or stopped is closed. The runner that go-coap
// has by itself sleeps on after the end.
func every(period time.Duration, stopped <-chan struct{}, tick func(now time.Time) bool) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			if !tick(now) {
				return
			}
		case <-stopped:
			return
		}
	}
}

func (s *goSink) uri(scheme string) string { return s.uris[scheme] }

func (s *goSink) accept(_ *testing.T, a account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[a.identity] = a
}

func (s *goSink) registered(t *testing.T) registration {
	t.Helper()
	select {
	case r := <-s.registrations:
		return r
	case <-time.After(patience):
		t.Fatalf("no client registered within %v", patience)
		return registration{}
	}
}

// refuseNext lets the next registration wait until when is closed, and refuses it then.
func (s *goSink) refuseNext(when <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = when
}

// turnsAway reports whether a registration is to be refused, when it is to be.
func (s *goSink) turnsAway() bool {
	s.mu.Lock()
	when := s.refuse
	s.refuse = nil
	s.mu.Unlock()
	if when == nil {
		return false
	}
	select {
	case <-when:
	case <-time.After(patience): // the test is over
	}
	return true
}

// key is the pre-shared key of an identity.
func (s *goSink) key(identity []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, ok := s.accounts[string(identity)]
	if !ok {
		return nil, errors.New("no such identity")
	}
	return hex.DecodeString(a.key)
}

// permits reports whether the device may register: with its own account, or over plain
// CoAP where the server was told of none.
func (s *goSink) permits(r registration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Identity == "" {
		return len(s.accounts) == 0
	}
	return s.accounts[r.Identity].endpoint == r.Endpoint
}

// serve answers Register, Update and De-register.
func (s *goSink) serve(w mux.ResponseWriter, m *mux.Message) {
	path, _ := m.Path()
	switch {
	case m.Code() == codes.POST && path == "/rd":
		s.register(w, m)
	case m.Code() == codes.POST && path == "/rd/1":
		_ = w.SetResponse(codes.Changed, message.TextPlain, nil)
	case m.Code() == codes.DELETE && path == "/rd/1":
		_ = w.SetResponse(codes.Deleted, message.TextPlain, nil)
	default:
		_ = w.SetResponse(codes.NotFound, message.TextPlain, nil)
	}
}

func (s *goSink) register(w mux.ResponseWriter, m *mux.Message) {
	r := parseRegister(m)
	r.Identity = provedIdentity(w.Conn())
	if !s.permits(r) || s.turnsAway() {
		_ = w.SetResponse(codes.Forbidden, message.TextPlain, nil)
		return
	}
	_ = w.SetResponse(codes.Created, message.TextPlain, nil,
		message.Option{ID: message.LocationPath, Value: []byte("rd")},
		message.Option{ID: message.LocationPath, Value: []byte("1")})
	s.registrations <- r
}

// parseRegister reads the query of a Register (LwM2M Core 1.1.1 §6.2.1).
func parseRegister(m *mux.Message) registration {
	queries, _ := m.Queries()
	var r registration
	for _, q := range queries {
		name, value, _ := strings.Cut(q, "=")
		switch name {
		case "ep":
			r.Endpoint = value
		case "lwm2m":
			r.Version = value
		case "b":
			r.Binding = value
		case "lt":
			r.Lifetime, _ = strconv.Atoi(value)
		}
	}
	return r
}

// provedIdentity is the PSK identity of the peer, which pion calls a hint.
func provedIdentity(c mux.Conn) string {
	conn, ok := c.NetConn().(*piondtls.Conn)
	if !ok {
		return ""
	}
	state, _ := conn.ConnectionState()
	return string(state.IdentityHint)
}
