package coap_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/lwm2m"
)

// plainRecord returns a DTLS 1.2 record in the clear.
func plainRecord(contentType byte, content ...byte) []byte {
	b := []byte{contentType, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 7}
	b = binary.BigEndian.AppendUint16(b, uint16(len(content)))
	return append(b, content...)
}

// sealedRecord returns a record that claims to be encrypted.
func sealedRecord(contentType byte, content ...byte) []byte {
	b := plainRecord(contentType, content...)
	b[4] = 1
	return b
}

// helloRecord returns the first ClientHello of a handshake, which a server takes.
func helloRecord(random byte) []byte {
	body := []byte{0xfe, 0xfd}                                 // client_version
	body = append(body, bytes.Repeat([]byte{random}, 32)...)   // random
	body = append(body, 0, 0, 0, 2, 0xc0, 0xa8, 1, 0)          // no session, no cookie, one suite, no compression
	head := []byte{1, 0, 0, byte(len(body)), 0, 0, 0, 0, 0, 0} // ClientHello, message 0, offset 0
	return plainRecord(22, slices.Concat(head, []byte{0, byte(len(body))}, body)...)
}

// shape is what an eavesdropper sees of the records of a datagram: type, epoch and
// length of each.
func shape(b []byte) string {
	var s string
	for len(b) >= 13 {
		n := int(binary.BigEndian.Uint16(b[11:]))
		s += fmt.Sprintf("[type %d, epoch %d, %d bytes]", b[0], binary.BigEndian.Uint16(b[3:]), n)
		b = b[min(len(b), 13+n):]
	}
	return s
}

// A stranger who tries identities must not be able to tell whether they exist; who runs
// the server must be told.
func TestDTLSWrongKeyAndUnknownIdentityLookAlike(t *testing.T) {
	wrong := lwm2m.NewSecret([]byte("another key 0123"))
	// try returns what the server sent to a client that fails.
	try := func(t *testing.T, identity string, want error) []string {
		s := listenDTLS(t, func(cfg *coap.Config) { cfg.DTLS.HandshakeTimeout = 400 * time.Millisecond }, nil)
		p := newTap(t, s.Addr())
		var sent []string // only the tap writes, and it is quiet once the client is gone
		p.filter(func(up bool, b []byte) bool {
			if !up {
				sent = append(sent, shape(b))
			}
			return true
		})
		began := time.Now()
		_, err := tryDTLS(p.addr(), 800*time.Millisecond, func(cfg *coap.DialConfig) {
			cfg.Identity, cfg.Key = identity, wrong
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("client's error = %v, want silence until its deadline", err)
		}
		h := next(t, "failed handshake", s.failed)
		if h.Identity != identity || !errors.Is(h.Err, want) || !errors.Is(h.Err, coap.ErrHandshakeTimeout) {
			t.Errorf("handshake of %q, error %v; want of %q, %v", h.Identity, h.Err, identity, want)
		}
		if h.Started.Before(began) || h.Remote != p.local().String() {
			t.Errorf("handshake = %+v", h)
		}
		s.Close()
		none(t, "second report", s.failed)
		p.filter(nil)
		return sent
	}
	var known, unknown []string
	t.Run("wrong key", func(t *testing.T) { known = try(t, "known-device", coap.ErrKeyDiffers) })
	t.Run("unknown", func(t *testing.T) { unknown = try(t, "other-device", coap.ErrUnknownIdentity) })
	if len(known) < 2 || !slices.Equal(known, unknown) {
		t.Errorf("the wire tells them apart:\nknown   %q\nunknown %q", known, unknown)
	}
}

func TestDTLSBadIdentity(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	long := "known" + string(bytes.Repeat([]byte{'x'}, 123))
	ask(t, dialDTLS(t, s.Addr().String(), func(cfg *coap.DialConfig) { cfg.Identity = long }))
	_, err := tryDTLS(s.Addr().String(), patience, func(cfg *coap.DialConfig) { cfg.Identity = long + "x" })
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("client's error = %v, want an alert", err)
	}
	if h := next(t, "failed handshake", s.failed); h.Identity != "" || !errors.Is(h.Err, coap.ErrIdentity) {
		t.Errorf("handshake = %+v", h)
	}
}

// A peer that stops answering is given up, and told of only if it returned the cookie.
func TestDTLSHandshakeTimeout(t *testing.T) {
	s := listenDTLS(t, func(cfg *coap.Config) { cfg.DTLS.HandshakeTimeout = 50 * time.Millisecond }, nil)
	p := newTap(t, s.Addr())
	hellos := 0
	p.filter(func(up bool, b []byte) bool {
		if up {
			hellos++
		}
		return !up || hellos <= 2
	})
	if _, err := tryDTLS(p.addr(), 200*time.Millisecond, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("client's error = %v", err)
	}
	h := next(t, "failed handshake", s.failed)
	if h.Identity != "" || !errors.Is(h.Err, coap.ErrHandshakeTimeout) || errors.Is(h.Err, coap.ErrKeyDiffers) {
		t.Errorf("handshake = %+v", h)
	}
}

// The alert of a client that gives up is told.
func TestDTLSClientAlert(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	p.filter(func(up bool, b []byte) bool {
		if !up || b[0] != 22 || b[13] != 16 { // ClientKeyExchange
			return true
		}
		p.forge(plainRecord(21, 2, 47)) // fatal, illegal_parameter
		return false
	})
	if _, err := tryDTLS(p.addr(), 200*time.Millisecond, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("client's error = %v", err)
	}
	h := next(t, "failed handshake", s.failed)
	if h.Identity != "" || !strings.Contains(h.Err.Error(), "IllegalParameter") {
		t.Errorf("handshake = %+v", h)
	}
}

// Forged ClientHellos begin nothing: they are answered and forgotten, and a device is let
// in beside them.
func TestDTLSForgedHellos(t *testing.T) {
	s := listenDTLS(t, func(cfg *coap.Config) { cfg.DTLS.MaxHandshakes, cfg.MaxPeers = 1, 1 }, nil)
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
	ask(t, dialDTLS(t, s.Addr().String(), nil))
	none(t, "failed handshake", s.failed)
}

// A client whose first ClientHello is not answered gets in with the next, and is sent no
// two records of one number but for what was lost: it would drop the second.
func TestDTLSRepeatedHello(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	asked := 0
	seen := make(map[string]int) // of the datagrams in the clear that pass, by epoch and number
	p.filter(func(up bool, b []byte) bool {
		if up || b[4] != 0 {
			return true
		}
		if b[13] == 3 { // HelloVerifyRequest
			if asked++; asked == 1 {
				return false
			}
		}
		seen[string(b[3:11])]++
		return true
	})
	began := time.Now()
	ask(t, dialDTLS(t, p.addr(), nil)) // it repeats its hello after a second
	if took := time.Since(began); took > 1900*time.Millisecond {
		t.Errorf("it took %v", took)
	}
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

// Forged ClientHellos in fragments start no more than a few handshakes, leave nothing
// behind, and keep nobody out.
func TestDTLSForgedFragments(t *testing.T) {
	const perNet, all, nets, each = 4, 10, 8, 10
	s := listenDTLS(t, func(cfg *coap.Config) {
		cfg.DTLS.HandshakeTimeout = 900 * time.Millisecond // a client repeats its hello after 1 s
		cfg.DTLS.MaxHandshakes = 8 * all                   // of which an eighth may begin like this
		cfg.DTLS.MaxHandshakesPerNet = perNet
	}, nil)
	var sockets []*net.UDPConn
	for i := range nets * each {
		source := net.IPv4(127, 0, byte(1+i/each), byte(1+i%each))
		uc, err := net.DialUDP("udp", &net.UDPAddr{IP: source}, net.UDPAddrFromAddrPort(s.Addr()))
		if err != nil {
			t.Skip("cannot use all of 127.0.0.0/8:", err)
		}
		t.Cleanup(func() { uc.Close() })
		sockets = append(sockets, uc)
	}
	for i, uc := range sockets {
		part := helloRecord(byte(i))
		part[13+3]++ // of the message, which is longer than this
		uc.Write(part)
		until(t, "a ClientHello is taken or dropped", func() bool {
			// Of each net perNet are taken, as long as there are not all.
			taken := min(all, i/each*perNet+min(perNet, i%each+1))
			return s.Counters().Dropped[coap.DropTableFull] == uint64(i+1-taken)
		})
	}
	if n := s.Handshakes(); n != all {
		t.Errorf("%d of %d are under way, want %d", n, len(sockets), all)
	}
	ask(t, dialDTLS(t, s.Addr().String(), nil))
	none(t, "failed handshake", s.failed)
}

// until waits until ok.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Microsecond) // there is nothing to wait for
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// What anybody could have sent does not disturb an association.
func TestDTLSForgedRecords(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	conn := dialDTLS(t, p.addr(), nil)
	ask(t, conn)
	far := next(t, "request", s.requests)
	alert := []byte{2, 40}
	forgeries := map[string][]byte{
		"application data in the clear": plainRecord(23, 1),
		"empty application data":        plainRecord(23),
		"heartbeat":                     plainRecord(24, 1),
		"connection ID":                 plainRecord(25, 1, 2, 3),
		"unknown type":                  plainRecord(99, 1),
		"fatal alert":                   plainRecord(21, alert...),
		"close_notify":                  plainRecord(21, 1, 0),
		"half an alert":                 plainRecord(21, 1),
		"change cipher spec":            plainRecord(20, 1),
		"bad change cipher spec":        plainRecord(20, 2),
		"empty change cipher spec":      plainRecord(20),
		"empty handshake":               plainRecord(22),
		"handshake garbage":             plainRecord(22, bytes.Repeat([]byte{0xff}, 40)...),
		"client key exchange":           plainRecord(22, 16, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0, 2, 0, 0),
		"message of the future":         plainRecord(22, 16, 0, 0, 2, 0, 99, 0, 0, 0, 0, 0, 2, 0, 0),
		"client hello":                  helloRecord(1),
		"sealed garbage":                sealedRecord(23, bytes.Repeat([]byte{7}, 40)...),
		"sealed alert":                  sealedRecord(21, bytes.Repeat([]byte{7}, 18)...),
		"sealed nothing":                sealedRecord(23),
		"sealed change cipher spec":     sealedRecord(20, 1),
		"sealed, then in the clear":     append(sealedRecord(23, make([]byte, 40)...), plainRecord(23, 1)...),
		"later epoch":                   {23, 0xfe, 0xfd, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 0},
		"other version":                 {22, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0},
		"length too long":               {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0},
		"rest behind a record":          append(sealedRecord(23, make([]byte, 40)...), 1, 2, 3),
		"one byte":                      {22},
		"empty":                         {},
		"huge":                          bytes.Repeat(sealedRecord(23, make([]byte, 1000)...), 9),
	}
	for name, b := range forgeries {
		p.forge(b)
		ask(t, conn)
		if got := next(t, "request", s.requests); got != far {
			t.Fatalf("after %s it is another association", name)
		}
	}
	none(t, "failed handshake", s.failed)
	if s.Counters().Dropped[coap.DropMalformed] == 0 {
		t.Error("nothing was counted as malformed")
	}
}

// A record counts once, however often it comes.
func TestDTLSReplay(t *testing.T) {
	for name, set := range map[string]func(*coap.DialConfig){
		"by address": func(*coap.DialConfig) {}, "by connection ID": offerCID,
	} {
		t.Run(name, func(t *testing.T) {
			s := listenDTLS(t, nil, nil)
			p := newTap(t, s.Addr())
			var seen [][]byte // only the tap writes, and it is quiet once the answer is here
			p.filter(func(up bool, b []byte) bool {
				if up {
					seen = append(seen, bytes.Clone(b))
				}
				return true
			})
			conn := dialDTLS(t, p.addr(), set)
			ask(t, conn)
			far := next(t, "request", s.requests)
			p.filter(nil)
			for range 10 {
				for _, b := range seen {
					p.forge(b)
				}
				ask(t, conn)
				if got := next(t, "request", s.requests); got != far {
					t.Error("it is another association")
				}
			}
			if c := s.Counters(); c.Duplicates > 0 {
				t.Errorf("%d requests came twice", c.Duplicates)
			}
			none(t, "failed handshake", s.failed)
		})
	}
}

// A flood of garbage from all sides does not disturb an association either.
func TestDTLSGarbageFlood(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	conn := dialDTLS(t, p.addr(), nil)
	ask(t, conn)
	far := next(t, "request", s.requests)
	stop := make(chan struct{})
	var flood sync.WaitGroup
	defer flood.Wait()
	defer close(stop)
	flood.Go(func() { floodDTLS(t, s.Addr(), p, stop) })
	for range 500 {
		ask(t, conn)
		if got := next(t, "request", s.requests); got != far {
			t.Fatal("it is another association")
		}
	}
}

// floodDTLS sends garbage to the server, from an address of its own and forged through
// p, until stop: as much as leaves some of two processors to the rest of a test.
func floodDTLS(t *testing.T, server netip.AddrPort, p *tap, stop <-chan struct{}) {
	uc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		t.Error(err)
		return
	}
	defer uc.Close()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	garbage := make([]byte, 600)
	for i := 0; ; i++ {
		n := i % len(garbage)
		garbage[n] += byte(i)
		uc.Write(garbage[:n])
		uc.Write(sealedRecord(23, garbage[:n]...))
		uc.Write(helloRecord(byte(i)))
		p.forge(garbage[:n])
		p.forge(sealedRecord(23, garbage[:n]...))
		p.forge(plainRecord(22, garbage[:n]...))
		p.forge(helloRecord(byte(i)))
		select {
		case <-stop:
			return
		case <-tick.C:
		}
	}
}

// A device that lost power gets in at once from the port that it had, also where there is
// no room but its own.
func TestDTLSReboot(t *testing.T) {
	s := listenDTLS(t, func(cfg *coap.Config) { cfg.MaxPeers = 1 }, nil)
	p := newTap(t, s.Addr())
	before := dialDTLS(t, p.addr(), nil)
	ask(t, before)
	far := next(t, "request", s.requests)
	p.unplug()

	began := time.Now()
	after := dialDTLS(t, p.addr(), func(cfg *coap.DialConfig) { cfg.Identity = "known again" })
	if took := time.Since(began); took > 900*time.Millisecond {
		t.Errorf("it took %v", took) // the client repeats its hello after 1 s
	}
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
	s := listenDTLS(t, func(cfg *coap.Config) { cfg.DTLS.HandshakeTimeout = 300 * time.Millisecond }, nil)
	p := newTap(t, s.Addr())
	conn := dialDTLS(t, p.addr(), nil)
	ask(t, conn)
	far := next(t, "request", s.requests)

	_, err := tryDTLS(p.addr(), 100*time.Millisecond, func(cfg *coap.DialConfig) { cfg.Identity = "other" })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error of the other = %v", err)
	}
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
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	var hellos atomic.Int32
	p.filter(func(up bool, b []byte) bool { return !up || hellos.Add(1) <= 2 })
	if _, err := tryDTLS(p.addr(), 100*time.Millisecond, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error = %v", err)
	}
	p.unplug()
	p.filter(nil)
	ask(t, dialDTLS(t, p.addr(), nil))
	if h := next(t, "failed handshake", s.failed); h.Identity != "" || errors.Is(h.Err, coap.ErrHandshakeTimeout) {
		t.Errorf("handshake = %+v", h)
	}
	none(t, "second report", s.failed)
}

// Mbed TLS 2.28 puts the version 0xfe00 into its first records when it may choose
// between DTLS 1.0 and 1.2, as it does by default.
func TestDTLSMbedVersion(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	var altered atomic.Int32
	p.filter(func(up bool, b []byte) bool {
		if up && b[0] == 22 && b[4] == 0 && b[13] == 1 {
			b[1], b[2] = 0xfe, 0x00
			altered.Add(1)
		}
		return true
	})
	ask(t, dialDTLS(t, p.addr(), nil))
	if n := altered.Load(); n < 2 {
		t.Errorf("%d records were altered", n)
	}
}

// A ClientHello may come in fragments, the cookie in a later one.
func TestDTLSFragmentedHello(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	var fragmented atomic.Int32
	p.filter(func(up bool, b []byte) bool {
		if !up || b[0] != 22 || b[4] != 0 || b[13] != 1 {
			return true
		}
		fragmented.Add(1)
		head, body := b[13:25], b[25:]
		for _, part := range [][2]int{{0, 40}, {40, len(body)}} {
			fragment := slices.Concat(head[:6], []byte{0, 0, byte(part[0]), 0, 0, byte(part[1] - part[0])}, body[part[0]:part[1]])
			record := plainRecord(22, fragment...)
			record[10] = b[10] + byte(part[0]) // a sequence number that is not in use
			p.forge(record)
		}
		return false
	})
	ask(t, dialDTLS(t, p.addr(), nil))
	if n := fragmented.Load(); n < 2 {
		t.Errorf("%d were fragmented", n)
	}
}

// A forged cookie does not end the handshake that it is meant for.
func TestDTLSForgedCookie(t *testing.T) {
	s := listenDTLS(t, nil, nil)
	p := newTap(t, s.Addr())
	var hellos atomic.Int32
	p.filter(func(up bool, b []byte) bool {
		if up && b[13] == 1 && hellos.Add(1) == 2 {
			forged := bytes.Clone(b)
			forged[25+2+32+1+1]++ // behind version, random, no session ID and a length
			p.forge(forged)
		}
		return true
	})
	began := time.Now()
	ask(t, dialDTLS(t, p.addr(), nil))
	if took := time.Since(began); took > 900*time.Millisecond || hellos.Load() < 2 {
		t.Errorf("it took %v and %d ClientHellos", took, hellos.Load())
	}
}

// Any one datagram of a handshake may be lost, the server's last one included: the
// client then repeats a flight towards an association that is complete.
func TestDTLSLossInHandshake(t *testing.T) {
	for lost := 1; lost <= 6; lost++ {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			t.Parallel()
			s := listenDTLSParallel(t)
			p := newTap(t, s.Addr())
			var n atomic.Int32
			p.filter(func(bool, []byte) bool { return int(n.Add(1)) != lost })
			ask(t, dialDTLS(t, p.addr(), nil))
			none(t, "failed handshake", s.failed)
		})
	}
}

// listenDTLSParallel is listenDTLS for tests that run beside others, whose goroutines
// it cannot tell from its own.
func listenDTLSParallel(t *testing.T) *dtlsServer {
	t.Helper()
	s := &dtlsServer{requests: make(chan bootstrap.Conn, 100), failed: make(chan bootstrap.Handshake, 100)}
	l, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{
		Handler:         s,
		PSK:             func(string) (lwm2m.Secret, bool) { return testKey, true },
		HandshakeFailed: func(h bootstrap.Handshake) { s.failed <- h },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.Listener = l
	return s
}
