package dtls

import (
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/pskhandshake"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// inSteps makes a listener use a stepEngine, whatever the other tests use.
func inSteps(cfg *Config) { cfg.DTLS.PionForPSK = false }

// A handshake that waits for its client has no goroutine and takes little memory.
func TestWaitingHandshake(t *testing.T) {
	const handshakes = 500
	inSimulation(t, inSteps, func(b *simulatedListener) {
		b.monitor = neverOverloaded{}
		goroutines := runtime.NumGoroutine()
		took := coaptest.MemoryOf(handshakes*4096*coaptest.MemoryFactor, func() {
			for i := range uint16(handshakes) {
				b.take(peerAt(100+i), returnHello(b.mux, peerAt(100+i), byte(i)))
			}
			synctest.Wait()
		})
		if n := b.handshakes(); n != handshakes {
			t.Fatalf("%d handshakes are under way", n)
		}
		if n := runtime.NumGoroutine() - goroutines; n > 0 {
			t.Errorf("they have %d goroutines", n)
		}
		if each := took / handshakes; each > 4096*coaptest.MemoryFactor {
			t.Errorf("one takes %d bytes", each)
		}
	})
}

// While the key of one client is looked up others are served, and what that client sends meanwhile is
// not lost.
func TestSlowKey(t *testing.T) {
	var release chan struct{}
	inSimulation(t, func(cfg *Config) {
		inSteps(cfg)
		release = make(chan struct{})
		cfg.PSK = func(identity string) (lwm2m.Secret, error) {
			if identity == "device-slow" {
				<-release
			}
			return keyOf(identity)
		}
	}, func(b *simulatedListener) {
		slow := make(chan *device, 1)
		go func() {
			slow <- b.join(peerAt(8), dtls.WithPSKIdentityHint([]byte("device-slow")))
		}()
		synctest.Wait()
		if h := b.handshakeAt(peerAt(8)); h == nil {
			t.Fatal("the look-up has not begun")
		}
		b.join(peerAt(9)).asks(1)
		close(release)
		d := <-slow
		d.asks(1)
		if len(b.failed) > 0 {
			t.Errorf("told of %+v", <-b.failed)
		}
	})
}

// A client that offers suites with certificates and, behind them, one with a pre-shared key is asked for
// its key; one that offers none with a key is not.
func TestWhoOffersBoth(t *testing.T) {
	for _, tt := range []struct {
		name   string
		suites []record.Suite
		key    bool
	}{
		{"both", append(record.CertificateSuites(), record.PSKWithAES128CCM8), true},
		{"certificates", record.CertificateSuites(), false},
	} {
		inSimulation(t, inSteps, func(b *simulatedListener) {
			peer := peerAt(9)
			in := b.connect(peer)
			b.up(peer, coaptest.HelloOffering(tt.suites))
			challenge := in.Drain()
			if len(challenge) != 1 {
				t.Fatalf("%s: %d datagrams came", tt.name, len(challenge))
			}
			cookie, _ := hello.SentCookie(challenge[0].Data)
			b.up(peer, withCookie(coaptest.HelloOffering(tt.suites), cookie))
			synctest.Wait()
			answer := in.Drain()
			if len(answer) != 1 {
				t.Fatalf("%s: %d datagrams came", tt.name, len(answer))
			}
			body, ok := record.SentHandshake(answer[0].Data, record.ServerHello)
			if ok != tt.key || ok && !slices.Equal(body[35:37], []byte{0xc0, 0xa8}) {
				t.Errorf("%s: it answers %x", tt.name, answer[0].Data)
			}
		})
	}
}

// withCookie is the ClientHello that follows b, which has neither session nor cookie.
func withCookie(b, cookie []byte) []byte {
	const at = record.HeaderSize + record.HandshakeHeader + 2 + record.RandomSize + 1
	second := slices.Concat(b[:at], []byte{byte(len(cookie))}, cookie, b[at+1:])
	second[10], second[18] = 1, 1 // numbers of record and message
	n := len(second) - record.HeaderSize
	second[11], second[12] = byte(n>>8), byte(n)
	n -= record.HandshakeHeader
	second[15], second[16], second[23], second[24] = byte(n>>8), byte(n), byte(n>>8), byte(n)
	return second
}

// Handshakes end with the listener, and are not reported.
func TestListenerEndsWithinHandshakes(t *testing.T) {
	inSimulation(t, inSteps, func(b *simulatedListener) {
		for i := range uint16(10) {
			b.take(peerAt(100+i), returnHello(b.mux, peerAt(100+i), byte(i)))
		}
		synctest.Wait()
		b.hub.Close(b.socket.Close)
		time.Sleep(2 * defaultHandshakeTimeout)
		synctest.Wait()
		if len(b.failed) > 0 {
			t.Errorf("told of %+v", <-b.failed)
		}
	})
}

// Of what fails after the client has shown the right key it is not said that the keys differ.
func TestWhyWithTheRightKey(t *testing.T) {
	h := &handshake{peer: udp.Peer{}, claim: claim{identity: "device", valid: true}}
	if err := h.why(pskhandshake.ErrOtherMessages, true); err != pskhandshake.ErrOtherMessages {
		t.Errorf("why: %v", err)
	}
}
