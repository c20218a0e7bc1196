package coap_test

import (
	"testing"
	"time"

	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/dtls/record"
)

// A handshake that completes is told of once, with its time; one that does not is not.
func TestDTLSHandshakeDone(t *testing.T) {
	done := make(chan time.Duration, 10)
	s := Listen(t, func(cfg *coap.Config) {
		cfg.HandshakeDone = func(took time.Duration) { done <- took }
	}, nil)
	began := time.Now()
	ask(t, Dial(t, s.Addr().String(), nil))
	if took := next(t, "handshake", done); took <= 0 || took > time.Since(began) {
		t.Errorf("it took %v", took)
	}
	if _, err := tryDTLS(s.Addr().String(), patience, func(cfg *coap.DialConfig) {
		cfg.Suites = []record.Suite{0xc0a9} // TLS_PSK_WITH_AES_256_CCM_8
	}); err == nil {
		t.Error("a handshake without a common suite completed")
	}
	next(t, "failed handshake", s.failed)
	none(t, "handshake", done)
}
