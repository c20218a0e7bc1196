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
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/dtls"
	"lwbs/bootstrap/coap/traffic"
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

// returnCookie begins a handshake on uc, as far as the ClientHello that brings the cookie.
func returnCookie(t *testing.T, uc *net.UDPConn, random byte) {
	t.Helper()
	hello := helloRecord(random)
	uc.Write(hello)
	uc.SetReadDeadline(time.Now().Add(patience))
	answer := make([]byte, 100)
	n, err := uc.Read(answer)
	if err != nil || n < 28 {
		t.Fatalf("no cookie: %x, error %v", answer[:n], err)
	}
	cookie := answer[27:n] // with its length
	at := 13 + 12 + 2 + 32 + 1
	second := slices.Concat(hello[:at], cookie, hello[at+1:])
	second[10], second[18] = 1, 1
	for _, length := range []int{12, 16, 24} { // of the record, the message, the fragment
		second[length] += byte(len(cookie) - 1)
	}
	uc.Write(second)
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

// An attacker who tries identities must not be able to tell whether they exist; who runs
// the server must be told.
func TestDTLSWrongKeyAndUnknownIdentityLookAlike(t *testing.T) {
	wrong := lwm2m.NewSecret([]byte("another key 0123"))
	timeout := paced(t, 400*time.Millisecond)
	// try returns what the server sent to a client that fails.
	try := func(t *testing.T, identity string, want error) []string {
		s := Listen(t, func(cfg *coap.Config) { cfg.DTLS.HandshakeTimeout = timeout }, nil)
		p := newTap(t, s.Addr())
		var sent []string // only the tap writes, and it is quiet once the client is gone
		p.filter(func(up bool, b []byte) bool {
			if !up {
				sent = append(sent, shape(b))
			}
			return true
		})
		began := time.Now()
		giveUp := beginDTLS(t, p.addr(), func(cfg *coap.DialConfig) { cfg.Identity, cfg.Key = identity, wrong })
		h := next(t, "failed handshake", s.failed)
		giveUp() // it heard nothing of that
		if h.Identity != identity || !errors.Is(h.Err, want) || !errors.Is(h.Err, dtls.ErrHandshakeTimeout) {
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
	t.Run("wrong key", func(t *testing.T) { known = try(t, "known-device", dtls.ErrKeyDiffers) })
	t.Run("unknown", func(t *testing.T) { unknown = try(t, "other-device", dtls.ErrUnknownIdentity) })
	if len(known) < 2 || !slices.Equal(known, unknown) {
		t.Errorf("the wire tells them apart:\nknown   %q\nunknown %q", known, unknown)
	}
}

func TestDTLSBadIdentity(t *testing.T) {
	s := Listen(t, nil, nil)
	long := "known" + string(bytes.Repeat([]byte{'x'}, 123))
	ask(t, Dial(t, s.Addr().String(), func(cfg *coap.DialConfig) { cfg.Identity = long }))
	_, err := tryDTLS(s.Addr().String(), patience, func(cfg *coap.DialConfig) { cfg.Identity = long + "x" })
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("client's error = %v, want an alert", err)
	}
	if h := next(t, "failed handshake", s.failed); h.Identity != "" || !errors.Is(h.Err, dtls.ErrIdentity) {
		t.Errorf("handshake = %+v", h)
	}
}

// A peer that stops answering is given up, and told of only if it returned the cookie.
func TestDTLSHandshakeTimeout(t *testing.T) {
	s := Listen(t, func(cfg *coap.Config) { cfg.DTLS.HandshakeTimeout = 50 * time.Millisecond }, nil)
	p := newTap(t, s.Addr())
	hellos, first := 0, firsts()
	p.filter(func(up bool, b []byte) bool {
		if up && first(up, b) {
			hellos++
			return hellos <= 2
		}
		return !up
	})
	giveUp := beginDTLS(t, p.addr(), nil)
	h := next(t, "failed handshake", s.failed)
	giveUp()
	if h.Identity != "" || !errors.Is(h.Err, dtls.ErrHandshakeTimeout) || errors.Is(h.Err, dtls.ErrKeyDiffers) {
		t.Errorf("handshake = %+v", h)
	}
}

// The alert of a client that gives up is told.
func TestDTLSClientAlert(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	p.filter(func(up bool, b []byte) bool {
		if !up || b[0] != 22 || b[13] != 16 { // ClientKeyExchange
			return true
		}
		p.forge(plainRecord(21, 2, 47)) // fatal, illegal_parameter
		return false
	})
	giveUp := beginDTLS(t, p.addr(), nil)
	h := next(t, "failed handshake", s.failed)
	giveUp()
	if h.Identity != "" || !strings.Contains(h.Err.Error(), "IllegalParameter") {
		t.Errorf("handshake = %+v", h)
	}
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

// What can be forged does not disturb an association.
func TestDTLSForgedRecords(t *testing.T) {
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	conn := Dial(t, p.addr(), nil)
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
	if s.Counters().Dropped[traffic.DropMalformed] == 0 {
		t.Error("nothing was counted as malformed")
	}
}

// A record counts once, however often it comes.
func TestDTLSReplay(t *testing.T) {
	for name, set := range map[string]func(*coap.DialConfig){
		"by address": func(*coap.DialConfig) {}, "by connection ID": offerCID,
	} {
		t.Run(name, func(t *testing.T) {
			s := Listen(t, nil, nil)
			p := newTap(t, s.Addr())
			var seen [][]byte // only the tap writes, and it is quiet once the answer is here
			p.filter(func(up bool, b []byte) bool {
				if up {
					seen = append(seen, bytes.Clone(b))
				}
				return true
			})
			conn := Dial(t, p.addr(), set)
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
	s := Listen(t, nil, nil)
	p := newTap(t, s.Addr())
	conn := Dial(t, p.addr(), nil)
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

// While peers that have returned their cookies send parts of handshake messages that never become
// whole, as large as they may be, devices complete their handshakes and are served.
func TestDTLSServedDuringFragmentAttack(t *testing.T) {
	const attackers, devices = 32, 10
	s := Listen(t, nil, nil)
	var sockets []*net.UDPConn
	for i := range attackers {
		uc, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.Addr()))
		if err != nil {
			t.Fatal(err)
		}
		defer uc.Close()
		returnCookie(t, uc, byte(i))
		sockets = append(sockets, uc)
	}
	stop, begun := make(chan struct{}), make(chan struct{})
	var attack sync.WaitGroup
	defer attack.Wait()
	defer close(stop)
	attack.Go(func() {
		const enough = 60 // parts of each handshake, more than the server takes of one
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			for _, uc := range sockets {
				uc.Write(handshakePart(2+i%50, 8192*i, 8000))
			}
			if i == enough {
				close(begun)
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	next(t, "beginning of the attack", begun)
	for range devices {
		conn := Dial(t, s.Addr().String(), nil)
		ask(t, conn)
		conn.Close()
	}
}

// handshakePart is a record with n bytes of a handshake message of 1 MiB.
func handshakePart(message, offset, n int) []byte {
	const whole = 1 << 20
	offset %= whole - n
	head := []byte{16, whole >> 16, 0, 0, byte(message >> 8), byte(message), byte(offset >> 16), byte(offset >> 8), byte(offset), byte(n >> 16), byte(n >> 8), byte(n)}
	return plainRecord(22, append(head, make([]byte, n)...)...)
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
			ask(t, Dial(t, p.addr(), nil))
			none(t, "failed handshake", s.failed)
		})
	}
}

// listenDTLSParallel is [listenDTLS] for tests that run beside others, whose goroutines
// it cannot tell from its own.
func listenDTLSParallel(t *testing.T) *dtlsServer {
	t.Helper()
	s := &dtlsServer{requests: make(chan bootstrap.Conn, 100), failed: make(chan auth.Handshake, 100)}
	l, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{
		Handler:         s,
		PSK:             func(string) (lwm2m.Secret, error) { return testKey, nil },
		HandshakeFailed: func(h auth.Handshake) { s.failed <- h },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	s.Listener = l
	return s
}
