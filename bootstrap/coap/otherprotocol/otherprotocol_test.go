package otherprotocol

import (
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/bootstrap/panics"
	"lwbs/store"
)

// tlsHello is the beginning of the first flight of OpenSSL 3.0.19 over TCP, its ClientHello
// with a body of eight bytes for brevity.
var tlsHello = []byte{0x16, 3, 1, 0, 12, 1, 0, 0, 8, 3, 3, 1, 2, 3, 4, 5, 6}

// capabilities is the Capabilities and Settings Message of RFC 8323 §5.3 with a
// Max-Message-Size of 1152: Len 3, no token.
var capabilities = []byte{0x30, 0xe1, 0x22, 0x04, 0x80}

// plainRequest is POST /bs?ep=d1.
var plainRequest = []byte("\x44\x02\x00\x01\x01\x02\x03\x04\xb2bs\x45ep=d1")

func dtlsRecord(t testing.TB, name string) []byte {
	t.Helper()
	for _, r := range coaptest.Recordings(t)[name] {
		if r.Up {
			return r.B
		}
	}
	t.Fatalf("%s has no datagram of the client", name)
	return nil
}

func TestRecogniseOtherProtocols(t *testing.T) {
	const unreadable = attempt.ProtocolUnreadable
	wrongLength := append([]byte{}, tlsHello...)
	wrongLength[8]++
	tests := []struct {
		name        string
		b           []byte
		plain, dtls attempt.Protocol // at the two ports
	}{
		{"OpenSSL", dtlsRecord(t, "openssl-3.0.22.txt"), attempt.ProtocolDTLS, unreadable},
		{"GnuTLS", dtlsRecord(t, "gnutls-3.7.9.txt"), attempt.ProtocolDTLS, unreadable},
		{"Mbed TLS", dtlsRecord(t, "mbedtls-2.28.3.txt"), attempt.ProtocolDTLS, unreadable},
		{"encrypted record", []byte{record.TypeApplicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 9, 0, 1, 7}, attempt.ProtocolDTLS, unreadable},
		{"the record of cases/dtls/wrong-port.py", append([]byte{0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1}, make([]byte, 15)...), attempt.ProtocolDTLS, unreadable},
		{"record that is cut off", []byte{0x16, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1}, unreadable, unreadable},
		{"Bootstrap-Request", plainRequest, unreadable, attempt.ProtocolCoAP},
		{"ping of CoAP", []byte{0x40, 0, 0, 1}, unreadable, unreadable},
		{"response of CoAP", []byte{0x60, 0x44, 0, 1}, unreadable, unreadable},
		{"four bytes that could be a request", []byte{0x40, 1, 0, 1}, unreadable, unreadable},
		{"request with an unknown critical option", []byte("\x40\x01\x00\x01\xb1a\xe0\x01\x01"), unreadable, unreadable},
		{"TLS", tlsHello, attempt.ProtocolTLS, attempt.ProtocolTLS},
		{"TLS with two lengths", wrongLength, unreadable, unreadable},
		{"CoAP over TCP", capabilities, attempt.ProtocolCoAPTCP, attempt.ProtocolCoAPTCP},
		{"the same with a request behind it", append(append([]byte{}, capabilities...), 0x30, 2, 0xb2, 'b', 's'), attempt.ProtocolCoAPTCP, attempt.ProtocolCoAPTCP},
		{"the same with nothing in it", []byte{0, 0xe1}, attempt.ProtocolCoAPTCP, attempt.ProtocolCoAPTCP},
		{"the same with a long one", append([]byte{0xd0, 1, 0xe1}, make([]byte, 14)...), attempt.ProtocolCoAPTCP, attempt.ProtocolCoAPTCP},
		{"the same cut off", capabilities[:3], unreadable, unreadable},
		{"HTTP", []byte("GET /.well-known/core HTTP/1.1\r\nHost: a\r\n\r\n"), attempt.ProtocolHTTP, attempt.ProtocolHTTP},
		{"HTTP/2", []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), attempt.ProtocolHTTP, attempt.ProtocolHTTP},
		{"response of HTTP", []byte("HTTP/1.1 400 Bad Request\r\n"), attempt.ProtocolHTTP, attempt.ProtocolHTTP},
		{"SIP", []byte("OPTIONS sip:nm SIP/2.0\r\nVia: a\r\n"), unreadable, unreadable},
		{"letters", []byte("GET a"), unreadable, unreadable},
		{"DNS", []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1}, unreadable, unreadable},
		{"one byte", []byte{0}, unreadable, unreadable},
		{"nothing", nil, unreadable, unreadable},
	}
	for _, tt := range tests {
		if got, _ := recognise(tt.b, true); got != tt.plain {
			t.Errorf("%s at the port for CoAP: %q, want %q", tt.name, got, tt.plain)
		}
		if got, _ := recognise(tt.b, false); got != tt.dtls {
			t.Errorf("%s at the port for DTLS: %q, want %q", tt.name, got, tt.dtls)
		}
	}
	if _, r := recognise(plainRequest, false); r.Method != "POST" || len(r.Path) != 1 || r.Path[0] != "bs" || len(r.Queries) != 1 || r.Queries[0] != "ep=d1" {
		t.Errorf("the request is %+v", r)
	}
}

// gathering runs f with what gathers at a port for DTLS and at one for plain CoAP, and returns
// what they report.
func gathering(t *testing.T, f func(secure, plain *Collector)) (told []attempt.OtherProtocol) {
	synctest.Test(t, func(t *testing.T) {
		out := make(chan attempt.OtherProtocol, 10_000)
		report := func(o attempt.OtherProtocol) { out <- o }
		g := tasks.NewGroup(panics.New(slog.New(slog.DiscardHandler)))
		f(NewCollector(g, report, store.TransportDTLS), NewCollector(g, report, store.TransportPlain))
		time.Sleep(collectFor + 1)
		synctest.Wait()
		g.Stop()
		g.Wait()
		for len(out) > 0 {
			told = append(told, <-out)
		}
	})
	return told
}

// What comes from one address within a second is told of together, with the last of it.
func TestOthersAreGathered(t *testing.T) {
	told := gathering(t, func(m, plain *Collector) {
		var n traffic.Drops
		for port := range uint16(5) {
			n[m.Take(senderAt(1+port), plainRequest)]++
		}
		n[m.Take(senderAt(9), []byte{1, 2, 3})]++
		n[m.Take(senderAt(9), nil)]++ // as keeps a NAT open
		n[plain.Take(senderAt(7), dtlsRecord(t, "openssl-3.0.22.txt"))]++
		if n[traffic.DropOtherProtocol] != 6 || n[traffic.DropMalformed] != 2 {
			t.Errorf("%d and %d were dropped", n[traffic.DropOtherProtocol], n[traffic.DropMalformed])
		}
	})
	var got []string
	for _, o := range told {
		got = append(got, fmt.Sprintf("%d from %s to %s: %q, %s, %s", o.Count, o.Remote, o.Transport, o.Protocol, strings.Join(o.Asked.Queries, "&"), hex.EncodeToString(o.Sample)))
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{
		`5 from 127.0.0.1:5 to coaps: "plain CoAP", ep=d1, 4402`, `1 from 127.0.0.1:9 to coaps: "", , 010203`, `1 from 127.0.0.1:7 to coap: "DTLS", , 16feff`,
	} {
		if len(got) != 3 || !strings.Contains(text, want) {
			t.Errorf("told of\n%s\nwant %s", text, want)
		}
	}
}

// Of a flood from forged addresses a few are told of, and few of one network.
func TestOthersAreBounded(t *testing.T) {
	flood := func(m *Collector, addr func(i int) [4]byte) {
		for i := range 20_000 {
			m.Take(udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4(addr(i)), 9)}, plainRequest)
		}
	}
	told := gathering(t, func(m, _ *Collector) {
		flood(m, func(i int) [4]byte { return [4]byte{10, 0, 0, byte(i)} })
	})
	if len(told) != maxSourcesPerNet {
		t.Errorf("of one network %d are told of, want %d", len(told), maxSourcesPerNet)
	}
	told = gathering(t, func(m, _ *Collector) {
		flood(m, func(i int) [4]byte { return [4]byte{10, byte(i >> 8), byte(i), 1} })
	})
	if len(told) != maxSources {
		t.Errorf("%d are told of, want %d", len(told), maxSources)
	}
}

// Nothing is told apart by bytes beyond the end, and of the two ports at most one takes a
// datagram for its own.
func FuzzRecogniseOtherProtocols(f *testing.F) {
	for _, all := range coaptest.Recordings(f) {
		for _, r := range all {
			f.Add(r.B)
		}
	}
	for _, b := range [][]byte{tlsHello, capabilities, plainRequest, []byte("GET / HTTP/1.1\r\n\r\n"), {0xd0, 1, 0xe1}, {0xe0}, {}} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		plain, _ := recognise(b, true)
		sealed, asked := recognise(b, false)
		if plain == attempt.ProtocolCoAP || sealed == attempt.ProtocolDTLS {
			t.Fatalf("%x is not for its own port: %q, %q", b, plain, sealed)
		}
		if sealed == attempt.ProtocolCoAP && (asked.Method == "" || plain != attempt.ProtocolUnreadable) {
			t.Fatalf("%x is %+v, and at the other port %q", b, asked, plain)
		}
	})
}

func senderAt(port uint16) udp.Peer {
	return udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
}
