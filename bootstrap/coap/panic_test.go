package coap_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// A panic in what a listener calls ends the handshake that it was for, or nothing: the next
// device gets in, and the listener closes.
func TestPanicInCallbacks(t *testing.T) {
	ca := certtest.NewAuthority(t, "Root")
	shown, client := ca.Server(t, "a.example", certtest.P256(t)), ca.Client(t, "known")
	tests := []struct {
		name        string
		certificate bool
		in          bool // the device whose handshake it is gets in
		set         func(cfg *coap.Config, blow func())
	}{
		{"PSK", false, false, func(cfg *coap.Config, blow func()) {
			cfg.PSK = func(string) (lwm2m.Secret, error) { blow(); return testKey, nil }
		}},
		{"HandshakeDone", false, true, func(cfg *coap.Config, blow func()) { cfg.HandshakeDone = func(time.Duration) { blow() } }},
		{"Certificates", true, true /* as its ClientHello comes again */, func(cfg *coap.Config, blow func()) {
			cfg.DTLS.Certificates = func() []tls.Certificate { blow(); return []tls.Certificate{shown} }
		}},
		{"VerifyClient", true, false, func(cfg *coap.Config, blow func()) {
			cfg.DTLS.VerifyClient = func([]*x509.Certificate) error { blow(); return nil }
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			guard := panics.New(slog.New(slog.DiscardHandler))
			var armed atomic.Bool
			armed.Store(true)
			s := Listen(t, func(cfg *coap.Config) {
				cfg.Panics = guard
				cfg.DTLS.Certificates = func() []tls.Certificate { return []tls.Certificate{shown} }
				cfg.DTLS.VerifyClient = func([]*x509.Certificate) error { return nil }
				tt.set(cfg, func() {
					if armed.CompareAndSwap(true, false) {
						panic("callback")
					}
				})
			}, nil)
			dial := func(cfg *coap.DialConfig) {}
			if tt.certificate {
				dial = func(cfg *coap.DialConfig) {
					*cfg = coap.DialConfig{Certificate: &client, ServerCertificates: []*x509.Certificate{ca.Certificate}}
				}
			}
			counted := func() bool { return guard.All()[panics.Handshake] == 1 }
			switch {
			case tt.in:
				ask(t, Dial(t, s.Addr().String(), dial))
			case tt.certificate:
				if _, err := tryDTLS(s.Addr().String(), patience, dial); err == nil {
					t.Error("the device got in")
				}
			default:
				dialUntil(t, s.Addr().String(), "panic", counted)
			}
			if tt.certificate {
				if h := next(t, "failed handshake", s.failed); !errors.Is(h.Err, outcome.ErrPanicked) {
					t.Errorf("it failed with %v", h.Err)
				}
			}
			until(t, "panic", counted)
			ask(t, Dial(t, s.Addr().String(), dial))
			if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// So it is with those that are told of what happened.
func TestPanicInReports(t *testing.T) {
	guard := panics.New(slog.New(slog.DiscardHandler))
	blow := func() { panic("report") }
	s := Listen(t, func(cfg *coap.Config) {
		cfg.Panics = guard
		cfg.HandshakeFailed = func(auth.Handshake) { blow() }
		cfg.OtherProtocol = func(attempt.OtherProtocol) { blow() }
		cfg.DTLS.NoRequest = func(auth.Peer, time.Time, attempt.UnusedEnd) { blow() }
		cfg.DTLS.RequestTimeout = 10 * time.Millisecond
		cfg.DTLS.HandshakeTimeout = time.Second
	}, nil)
	Dial(t, s.Addr().String(), nil) // and asks for nothing
	raw := dialRaw(t, s.Listener)
	until(t, "report of another protocol and of an association without a request", func() bool {
		_, _ = raw.Write([]byte("what is this?"))
		return guard.All()[panics.Transport] >= 2
	})
	giveUp := beginDTLS(t, s.Addr().String(), func(cfg *coap.DialConfig) { cfg.Identity = "unknown" })
	until(t, "report of a failed handshake", func() bool {
		return guard.All()[panics.Handshake] >= 1 || guard.All()[panics.Transport] >= 3
	})
	giveUp()
	ask(t, Dial(t, s.Addr().String(), nil))
}
