package dtls

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
)

const testKey = "0123456789abcdef"

func keyOf(identity string) (key lwm2m.Secret, err error) {
	if strings.HasPrefix(identity, "device") {
		key = lwm2m.NewSecret([]byte(testKey))
	}
	return key, nil
}

// constrained is when a client in a constrained network repeats itself for the first time
// (RFC 7925 §11).
const constrained = 9 * time.Second

// isFlight5 reports whether a datagram of a client begins with its ClientKeyExchange.
func isFlight5(b []byte) bool { return b[0] == record.TypeHandshake && b[4] == 0 && b[13] == 16 }

// A client that repeats itself after 9 s, 18 s and 36 s completes its handshake, whichever
// of its flights is lost, and however often of these three.
func TestConstrainedClientLosesAFlight(t *testing.T) {
	flights := []struct {
		name string
		is   func(up bool, b []byte) bool
	}{
		{"first ClientHello", func(up bool, b []byte) bool {
			return up && b[0] == record.TypeHandshake && b[13] == record.ClientHello && b[18] == 0
		}},
		{"cookie", func(up bool, b []byte) bool { return !up && b[13] == record.HelloVerifyRequest }},
		{"second ClientHello", func(up bool, b []byte) bool {
			return up && b[0] == record.TypeHandshake && b[13] == record.ClientHello && b[18] == 1
		}},
		{"key", func(up bool, b []byte) bool { return up && isFlight5(b) }},
	}
	for _, flight := range flights {
		for lost, want := range []time.Duration{0, 9 * time.Second, 27 * time.Second, 63 * time.Second} {
			t.Run(fmt.Sprintf("%s, %d times", flight.name, lost), func(t *testing.T) {
				inSimulation(t, nil, func(b *simulatedListener) {
					n := 0
					b.lose = func(_ udp.Peer, up bool, d []byte) bool {
						if flight.is(up, d) {
							n++
							return n <= lost
						}
						// The server repeats its own sooner, and would make the client do so.
						return lost > 0 && !up && n > 0 && n <= lost && d[0] == record.TypeHandshake && d[4] == 0 && d[13] != record.HelloVerifyRequest
					}
					took, err := b.shake(peerAt(9), testKey, constrained, 2*time.Minute)
					if err != nil || took < want || took > want+time.Second {
						t.Errorf("it took %v, error %v; want %v", took, err, want)
					}
					synctest.Wait()
					if len(b.failed) > 0 {
						t.Errorf("told of %+v", <-b.failed)
					}
				})
			})
		}
	}
}

// A client in a constrained network that finds all handshakes taken keeps its place while it
// waits for its time to repeat itself, and is let in before those that came later.
func TestConstrainedClientWaits(t *testing.T) {
	inSimulation(t, func(cfg *Config) { cfg.DTLS.MaxHandshakes = 1 }, func(b *simulatedListener) {
		busy := peerAt(8)
		b.take(busy, returnHello(b.mux, busy, 1))
		done := make(chan error, 1)
		go func() {
			_, err := b.shake(peerAt(9), testKey, constrained, 2*time.Minute)
			done <- err
		}()
		for i := range 70 { // others keep coming, and the one before them goes on
			time.Sleep(time.Second)
			b.take(busy, returnHello(b.mux, busy, 1))
			later := peerAt(uint16(100 + i))
			b.take(later, returnHello(b.mux, later, 2))
		}
		synctest.Wait()
		b.endHandshake(b.handshakeAt(busy))
		synctest.Wait()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		default:
			if b.handshakeAt(peerAt(9)) == nil {
				t.Fatal("another was let in")
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// Peers that return their cookies and fall silent take all handshakes, from many networks
// and for as long as a constrained client may take; a device gets in all the same within
// seconds, and no failure names a wrong key.
func TestSilentHandshakesAreEvicted(t *testing.T) {
	const handshakes, perNet, nets = 40, 10, 8
	inSimulation(t, func(cfg *Config) {
		cfg.DTLS.MaxHandshakes, cfg.DTLS.MaxHandshakesPerNet = handshakes, perNet
	}, func(b *simulatedListener) {
		silent := func(i int) {
			p := udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, byte(1 + i%nets), 1}), uint16(1+i/nets))}
			b.take(p, returnHello(b.mux, p, byte(i)))
		}
		for i := range 2 * handshakes {
			silent(i)
		}
		if n := b.handshakes(); n != handshakes {
			t.Fatalf("%d handshakes are under way, want %d", n, handshakes)
		}
		stop := make(chan struct{})
		go func() { // more of them come than become free
			for i := 2 * handshakes; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(100 * time.Millisecond):
					silent(i)
				}
			}
		}()
		took, err := b.shake(peerAt(9), testKey, time.Second, 2*time.Minute)
		close(stop)
		if err != nil || took > 30*time.Second {
			t.Errorf("it took %v, error %v", took, err)
		}
		if n := b.handshakes(); n > handshakes {
			t.Errorf("%d handshakes are under way", n)
		}
		synctest.Wait()
		for range len(b.failed) {
			if h := <-b.failed; h.Identity != "" || !errors.Is(h.Err, outcome.ErrBusy) {
				t.Fatalf("told of %+v", h)
			}
		}
	})
}

// Who waits is let in when a handshake falls silent, though nothing else happens.
func TestSilentHandshakeMakesRoomForWhoWaits(t *testing.T) {
	inSimulation(t, func(cfg *Config) { cfg.DTLS.MaxHandshakes = 1 }, func(b *simulatedListener) {
		first := peerAt(8)
		b.take(first, returnHello(b.mux, first, 1))
		took, err := b.shake(peerAt(9), testKey, constrained, 2*time.Minute)
		if err != nil || took > admission.EvictableAfter+time.Second {
			t.Errorf("it took %v, error %v", took, err)
		}
	})
}

// A wrong key is told soon, though others may take longer; and as soon as an unknown
// identity is.
func TestWrongKeyIsToldSoon(t *testing.T) {
	for _, identity := range []string{"known", "unknown"} {
		inSimulation(t, func(cfg *Config) {
			cfg.PSK = func(string) (key lwm2m.Secret, err error) {
				if identity == "known" {
					key = lwm2m.NewSecret([]byte("another"))
				}
				return key, nil
			}
		}, func(b *simulatedListener) {
			began := time.Now()
			go b.shake(peerAt(9), testKey, constrained, time.Minute)
			h := <-b.failed
			if took := time.Since(began); took < verdictTime || took > verdictTime+time.Second || h.Identity != "device" {
				t.Errorf("%s: told after %v: %+v", identity, took, h)
			}
			if want := map[string]error{"known": ErrKeyDiffers, "unknown": ErrUnknownIdentity}[identity]; !errors.Is(h.Err, want) {
				t.Errorf("%s: told of %v, want %v", identity, h.Err, want)
			}
			time.Sleep(time.Minute)
		})
	}
}
