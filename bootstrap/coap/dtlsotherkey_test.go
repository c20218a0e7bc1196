package coap_test

import (
	"testing"
	"time"

	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
)

// A client that has the second of two keys gets through in its second handshake, and its handler can
// tell which it has. After that each key is tried in turn again.
func TestDTLSSecondKey(t *testing.T) {
	second := lwm2m.NewSecret([]byte("another key 0123"))
	timeout := paced(t, 400*time.Millisecond)
	s := Listen(t, func(cfg *coap.Config) {
		cfg.DTLS.HandshakeTimeout = timeout
		cfg.OtherPSK = func(identity string) (lwm2m.Secret, bool) { return second, identity == "known-device" }
	}, nil)
	with := func(key lwm2m.Secret) func(*coap.DialConfig) {
		return func(cfg *coap.DialConfig) { cfg.Identity, cfg.Key = "known-device", key }
	}
	giveUp := beginDTLS(t, s.Addr().String(), with(second))
	next(t, "failed handshake", s.failed)
	giveUp()
	ask(t, Dial(t, s.Addr().String(), with(second)))
	if peer := next(t, "request", s.requests).Peer(); !peer.HasKey(second) || peer.HasKey(testKey) {
		t.Error("the handler is told of another key than the client has")
	}
	ask(t, Dial(t, s.Addr().String(), with(testKey)))
	if peer := next(t, "request", s.requests).Peer(); peer.HasKey(second) || !peer.HasKey(testKey) {
		t.Error("the handler is told of another key than the client has")
	}
}
