package coap_test

import (
	"bytes"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/dtls"
)

// Forged ClientHellos begin nothing: they are answered and forgotten, and a device is let
// in beside them.
func TestDTLSForgedHellos(t *testing.T) {
	s := Listen(t, func(cfg *coap.Config) { cfg.DTLS.MaxHandshakes, cfg.MaxPeers = 1, 1 }, nil)
	uc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer uc.Close()
	uc.SetReadDeadline(time.Now().Add(patience))
	answer := make([]byte, 100)
	for i := range 200 {
		hello := helloRecord(byte(i))
		uc.Write(hello)
		n, err := uc.Read(answer)
		if err != nil || n > len(hello) || answer[13] != 3 {
			t.Fatalf("answer of %d bytes to %d: %x, error %v", n, len(hello), answer[:n], err)
		}
	}
	if n := s.Handshakes(); n != 0 {
		t.Errorf("%d handshakes are under way", n)
	}
	ask(t, Dial(t, s.Addr().String(), nil))
	none(t, "failed handshake", s.failed)
}

// A client whose first ClientHello is not answered gets in with the next, and is sent no
// two records of one number but for what was lost: it would drop the second.
func TestDTLSRepeatedHello(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	asked := 0
	seen := make(map[string]int) // of the datagrams in the clear that pass, by epoch and number
	hellos := 0
	first := firsts()
	p.filter(func(up bool, b []byte) bool {
		if up && isHello(b, 0) {
			hellos++
			return hellos <= 2
		}
		if up || b[4] != 0 {
			return first(up, b)
		}
		if b[13] == 3 { // HelloVerifyRequest
			if asked++; asked == 1 {
				return false
			}
		}
		seen[string(b[3:11])]++
		return true
	})
	ask(t, Dial(t, p.addr(), nil)) // it repeats its hello after a second
	p.filter(nil)
	if asked != 2 || len(seen) < 3 {
		t.Errorf("it was asked for a cookie %d times, and saw %d records", asked, len(seen))
	}
	for number, times := range seen {
		if times > 1 {
			t.Errorf("%d records have number %x", times, number)
		}
	}
}

// A device that lost power gets in at once from the port that it had, also where there is
// no room but its own.
func TestDTLSReboot(t *testing.T) {
	s := Listen(t, func(cfg *coap.Config) { cfg.MaxPeers = 1 }, nil)
	p := newTap(t, s.Addr())
	before := Dial(t, p.addr(), nil)
	ask(t, before)
	far := next(t, "request", s.requests)
	p.unplug()

	p.filter(firsts())
	after := Dial(t, p.addr(), func(cfg *coap.DialConfig) { cfg.Identity = "known again" })
	next(t, "end of the association before", far.Done())
	ask(t, after)
	if got := next(t, "request", s.requests); got == far || got.Peer().Identity != "known again" {
		t.Errorf("request by %+v", got.Peer())
	}
	none(t, "failed handshake", s.failed)
}

// Whoever only begins a handshake, or has no key, does not take the place of an
// association.
func TestDTLSNoTakeoverWithoutKey(t *testing.T) {
	timeout := paced(t, 300*time.Millisecond)
	s := Listen(t, func(cfg *coap.Config) { cfg.DTLS.HandshakeTimeout = timeout }, nil)
	p := newTap(t, s.Addr())
	conn := Dial(t, p.addr(), nil)
	ask(t, conn)
	far := next(t, "request", s.requests)

	giveUp := beginDTLS(t, p.addr(), func(cfg *coap.DialConfig) { cfg.Identity = "other" })
	until(t, "the other is at its handshake", func() bool { return s.Handshakes() > 0 })
	giveUp()
	ask(t, conn) // while the handshake of the other is under way
	next(t, "failed handshake", s.failed)
	ask(t, conn)
	for range 2 {
		if got := next(t, "request", s.requests); got != far {
			t.Error("it is another association")
		}
	}
}

// A device that starts over in the middle of its handshake is not held up by what it
// had begun.
func TestDTLSRebootWithinHandshake(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	var hellos atomic.Int32
	var answer atomic.Value // the random of the ServerHello to what it had begun
	first := firsts()
	p.filter(func(up bool, b []byte) bool {
		if random, ok := serverRandom(up, b); ok {
			answer.Store(random)
		}
		return !up || first(up, b) && hellos.Add(1) <= 2
	})
	dialUntil(t, p.addr(), "the handshake is under way", func() bool { return answer.Load() != nil })
	p.unplug()
	p.filter(func(up bool, b []byte) bool { // no client could tell that this answers another
		random, ok := serverRandom(up, b)
		return !ok || random != answer.Load()
	})
	ask(t, Dial(t, p.addr(), nil))
	if h := next(t, "failed handshake", s.failed); h.Identity != "" || errors.Is(h.Err, dtls.ErrHandshakeTimeout) {
		t.Errorf("handshake = %+v", h)
	}
	none(t, "second report", s.failed)
}

// serverRandom is the random of a ServerHello.
func serverRandom(up bool, b []byte) (random string, ok bool) {
	const begins = 13 + 12 + 2 // behind the headers of record and message, and the version
	if up || len(b) < begins+32 || b[0] != 22 || b[13] != 2 {
		return "", false
	}
	return string(b[begins : begins+32]), true
}

// Mbed TLS 2.28 puts the version 0xfe00 into its first records when it may choose
// between DTLS 1.0 and 1.2, as it does by default.
func TestDTLSMbedVersion(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	var altered atomic.Int32
	p.filter(func(up bool, b []byte) bool {
		if up && b[0] == 22 && b[4] == 0 && b[13] == 1 {
			b[1], b[2] = 0xfe, 0x00
			altered.Add(1)
		}
		return true
	})
	ask(t, Dial(t, p.addr(), nil))
	if n := altered.Load(); n < 2 {
		t.Errorf("%d records were altered", n)
	}
}

// A forged cookie does not end the handshake that it is meant for.
func TestDTLSForgedCookie(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	var hellos atomic.Int32
	first := firsts()
	p.filter(func(up bool, b []byte) bool {
		if !first(up, b) {
			return false
		}
		if up && b[13] == 1 && hellos.Add(1) == 2 {
			forged := bytes.Clone(b)
			forged[25+2+32+1+1]++ // behind version, random, no session ID and a length
			p.forge(forged)
		}
		return true
	})
	ask(t, Dial(t, p.addr(), nil))
	if hellos.Load() < 2 {
		t.Errorf("there were %d ClientHellos", hellos.Load())
	}
}
