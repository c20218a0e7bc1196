package coap_test

import (
	"testing"
	"time"

	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
)

// Who shakes hands can be asked by the identity that was named, from there on until the handshake has
// ended.
func TestHandshakeAs(t *testing.T) {
	s := Listen(t, nil, nil)
	began := time.Now()
	giveUp := beginDTLS(t, s.Addr().String(), func(cfg *coap.DialConfig) {
		cfg.Identity, cfg.Key = "known-device", lwm2m.NewSecret([]byte("another key 0123"))
	})
	until(t, "a handshake with the identity is under way", func() bool {
		from, since, ok := s.HandshakeAs("known-device")
		if ok && (!from.Addr().IsLoopback() || since.Before(began) || since.After(time.Now())) {
			t.Fatalf("from %v since %v", from, since)
		}
		return ok
	})
	if _, _, ok := s.HandshakeAs("other-device"); ok {
		t.Error("a handshake with an identity that was not named")
	}
	giveUp()
	next(t, "failed handshake", s.failed)
	until(t, "it has ended", func() bool { _, _, ok := s.HandshakeAs("known-device"); return !ok })
}
