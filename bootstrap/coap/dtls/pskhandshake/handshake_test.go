package pskhandshake

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

var (
	extendedMaster = coaptest.Extension(hello.ExtensionExtendedMaster)
	renegotiation  = coaptest.Extension(hello.ExtensionRenegotiation, 0)
	ownCID         = []byte{0, 1, 2, 3, 4, 5, 6, 7}
)

func askCID(cid ...byte) []byte {
	return coaptest.Extension(hello.ExtensionCID, append([]byte{byte(len(cid))}, cid...)...)
}

// With every suite, with what a client may ask for and without, the handshake is complete after three
// records of the client, and the association goes on with its layer.
func TestHandshake(t *testing.T) {
	offers := map[string][][]byte{
		"plain":           nil,
		"extended master": {extendedMaster},
		"renegotiation":   {renegotiation, extendedMaster},
		"connection ID":   {extendedMaster, askCID(7, 7)},
		"empty one":       {askCID()},
	}
	for _, suite := range record.Suites() {
		for name, extensions := range offers {
			t.Run(fmt.Sprintf("%v/%s", suite, name), func(t *testing.T) {
				c, h, _ := newClient(t, suite, testKey, ownCID, extensions...)
				flight := slices.Concat(c.keyExchange(testIdentity), plain(record.TypeChangeCipherSpec, 1), c.sealed(t, 0, record.TypeHandshake, c.finished()...))
				sent := feed(t, h, testKey, flight)
				if h.Status() != Complete || h.Identity() != testIdentity || len(sent) != 1 || !c.opensFlight(sent[0]) {
					t.Fatalf("status %d, identity %q, sent %x, error %v", h.Status(), h.Identity(), sent, h.Err())
				}
				agreed := h.Result()
				if !bytes.Equal(agreed.Flight, sent[0]) || len(agreed.After) > 0 || agreed.Layer.Next != 1 || agreed.Layer.Suite != suite {
					t.Errorf("agreed upon %+v", agreed)
				}
				r, _, _ := record.Next(c.sealed(t, 1, record.TypeApplicationData, 1, 2, 3))
				if got, why := agreed.Layer.Open(r); why != traffic.NotDropped || !bytes.Equal(got.Content, []byte{1, 2, 3}) {
					t.Errorf("the next record is dropped: %v", why)
				}
				finished, _, _ := record.Next(c.sealed(t, 0, record.TypeHandshake, c.finished()...))
				if _, why := agreed.Layer.Open(finished); why != traffic.DropReplayed {
					t.Errorf("the Finished is taken again: %v", why)
				}
				if feed(t, h, testKey, flight) != nil || h.Due(now.Add(time.Hour)) != nil {
					t.Error("a complete handshake sends something")
				}
			})
		}
	}
}

// ServerHello has what the client has asked for, and nothing else; the suite is the first of the
// client that the server has.
func TestServerHello(t *testing.T) {
	body := func(t *testing.T, out []byte) string {
		b, ok := record.SentHandshake(out, record.ServerHello)
		if !ok || out[10] != 1 || out[18] != 1 { // numbers behind HelloVerifyRequest
			t.Fatalf("%x is no ServerHello", out)
		}
		return fmt.Sprintf("%x", b[2+record.RandomSize:])
	}
	const ccm8, cbc = record.PSKWithAES128CCM8, record.PSKWithAES128CBCSHA256
	scsv := record.Suite(0x00ff)
	for _, tt := range []struct {
		name       string
		suites     []record.Suite
		extensions [][]byte
		cid        []byte
		want       string // behind random
	}{
		{"nothing", []record.Suite{ccm8}, nil, ownCID, "00c0a800"},
		{"the first", []record.Suite{0xc02b, cbc, ccm8}, nil, nil, "0000ae00"},
		{"all", []record.Suite{ccm8}, [][]byte{askCID(1), renegotiation, extendedMaster}, ownCID, "00c0a800" + "0016" + "00170000" + "ff01000100" + "003600090800010203" + "04050607"},
		{"a suite for renegotiation", []record.Suite{ccm8, scsv}, nil, nil, "00c0a800" + "0005" + "ff01000100"},
		{"no connection ID to give", []record.Suite{ccm8}, [][]byte{askCID(1)}, nil, "00c0a800"},
		{"what the server does not know", []record.Suite{ccm8}, [][]byte{coaptest.Extension(22), coaptest.Extension(35, 1, 2)}, nil, "00c0a800"},
	} {
		b := secondHello(tt.suites, tt.extensions...)
		offer, _ := hello.ParseOffer(b)
		_, out := Begin(Opening{Hello: b, Offer: offer, Random: serverRandom, CID: tt.cid}, now)
		if got := body(t, out); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// A ClientHello without what the server needs is refused with an alert that says so.
func TestBeginRefuses(t *testing.T) {
	good := secondHello(record.Suites())
	for _, tt := range []struct {
		name  string
		set   func(o *Opening)
		alert byte
		want  error
	}{
		{"no ClientHello", func(o *Opening) { o.Hello = o.Hello[:40] }, 70, errVersion},
		{"DTLS 1.0", func(o *Opening) { o.Offer.Version = record.Version10 }, 70, errVersion},
		{"certificates only", func(o *Opening) { o.Offer.Suites = record.CertificateSuites() }, 40, errNoSuite},
		{"no suite", func(o *Opening) { o.Offer.Suites = nil }, 40, errNoSuite},
		{"compression", func(o *Opening) { o.Offer.Compressions = []byte{1} }, 47, errCompression},
		{"renegotiation", func(o *Opening) { o.Offer.Renegotiation = []byte{1} }, 40, errRenegotiation},
	} {
		o := Opening{Hello: good, Random: serverRandom}
		o.Offer, _ = hello.ParseOffer(good)
		tt.set(&o)
		h, out := Begin(o, now)
		if h.Status() != Failed || !errors.Is(h.Err(), tt.want) || !bytes.Equal(out, append(plain(21)[:10], 1, 0, 2, 2, tt.alert)) {
			t.Errorf("%s: %v, sent %x", tt.name, h.Err(), out)
		}
	}
}

// The server repeats its first flight after 1 s, 2 s, 4 s and so on up to a minute, with new record
// numbers, until it has the Finished of the client.
func TestRetransmission(t *testing.T) {
	c, h, first := newClient(t, record.PSKWithAES128CCM8, testKey, nil, extendedMaster)
	at, number := now, byte(3)
	repeats := func(wait time.Duration) {
		t.Helper()
		if h.Next() != at.Add(wait) || h.Due(at.Add(wait-1)) != nil {
			t.Fatalf("it is due %v after the last time, want %v", h.Next().Sub(at), wait)
		}
		at = at.Add(wait)
		want := bytes.Clone(first)
		second := len(first) - len(serverHelloDone) - record.HeaderSize
		want[10], want[second+10] = number, number+1
		number += 2
		if got := h.Due(at); !bytes.Equal(got, want) {
			t.Fatalf("it repeats\n%x, want\n%x", got, want)
		}
	}
	for _, seconds := range []int{1, 2, 4, 8} {
		repeats(time.Duration(seconds) * time.Second)
	}
	feed(t, h, testKey, c.keyExchange(testIdentity))
	for _, seconds := range []int{16, 32, 60, 60} {
		repeats(time.Duration(seconds) * time.Second)
	}
	feed(t, h, testKey, c.sealed(t, 0, record.TypeHandshake, c.finished()...))
	if h.Status() != Complete || h.Due(at.Add(time.Hour)) != nil {
		t.Errorf("status %d", h.Status())
	}
}

// A client that repeats its ClientHello gets the flight again, at once; who does not know the cookie
// gets nothing.
func TestRepeatedHello(t *testing.T) {
	c, h, first := newClient(t, record.PSKWithAES128CCM8, testKey, nil)
	for range 3 {
		if sent := feed(t, h, testKey, c.hello); len(sent) != 1 || len(sent[0]) != len(first) {
			t.Fatalf("sent %x", sent)
		}
	}
	other := bytes.Clone(c.hello)
	other[record.HeaderSize+record.HandshakeHeader+2+record.RandomSize+2]++ // in the cookie
	without := coaptest.HelloOffering([]record.Suite{c.suite})
	random := bytes.Clone(c.hello)
	random[record.HeaderSize+record.HandshakeHeader+2]++
	earlier := bytes.Clone(c.hello)
	earlier[18] = 0
	if sent := feed(t, h, testKey, other, without, random, earlier); sent != nil {
		t.Errorf("sent %x", sent)
	}
	for _, part := range fragmentsOf(c.hello, 60)[1:] {
		if sent := feed(t, h, testKey, part); sent != nil {
			t.Errorf("a later fragment gets %x", sent)
		}
	}
	if sent := feed(t, h, testKey, fragmentsOf(c.hello, 60)[0]); len(sent) != 1 {
		t.Errorf("the first fragment gets %x", sent)
	}
}

// Messages come in fragments of whatever size, in any order, more than once and overlapping.
func TestFragments(t *testing.T) {
	for _, size := range []int{1, 3, 7} {
		for _, backwards := range []bool{false, true} {
			c, h, _ := newClient(t, record.PSKWithAES128GCMSHA256, testKey, nil, extendedMaster)
			parts := fragmentsOf(c.keyExchange(testIdentity), size)
			for i, f := range fragmentsOf(plain(record.TypeHandshake, c.finished()...), size) {
				parts = append(parts, c.sealed(t, uint64(i), record.TypeHandshake, f[record.HeaderSize:]...))
			}
			if backwards {
				slices.Reverse(parts)
			}
			parts = append(parts[:len(parts):len(parts)], parts[:len(parts)-1]...)
			if sent := feed(t, h, testKey, parts...); h.Status() != Complete || len(sent) != 1 || !c.opensFlight(sent[0]) {
				t.Errorf("%d bytes, backwards %t: status %d", size, backwards, h.Status())
			}
		}
	}
	t.Run("overlapping", func(t *testing.T) {
		c, h, _ := newClient(t, record.PSKWithAES128CCM, testKey, nil)
		a, b := fragmentsOf(c.keyExchange(testIdentity), 5), fragmentsOf(c.keyExchange(testIdentity), 7)
		feed(t, h, nil, a[0], b[1])
		if h.Status() != Waiting {
			t.Fatal("two bytes are missing")
		}
		feed(t, h, nil, b[0])
		if h.Status() != NeedsKey || h.Identity() != testIdentity {
			t.Errorf("status %d, identity %q", h.Status(), h.Identity())
		}
	})
	t.Run("of another length before", func(t *testing.T) {
		c, h, _ := newClient(t, record.PSKWithAES128CCM, testKey, nil)
		feed(t, h, nil, fragmentsOf(c.keyExchange("a longer identity"), 12)[0])
		feed(t, h, testKey, c.keyExchange(testIdentity))
		if sent := feed(t, h, testKey, c.sealed(t, 0, record.TypeHandshake, c.finished()...)); h.Status() != Complete || len(sent) != 1 {
			t.Errorf("status %d", h.Status())
		}
	})
	t.Run("as long as a Finished", func(t *testing.T) {
		const identity = "ten bytes."
		c, h, _ := newClient(t, record.PSKWithAES128CCM, testKey, nil) // whose keys do not depend on that
		c.transcript = append(c.transcript[:len(c.transcript)-len(c.keyExchange(testIdentity))+record.HeaderSize], c.keyExchange(identity)[record.HeaderSize:]...)
		parts := fragmentsOf(plain(record.TypeHandshake, c.finished()...), 11)
		feed(t, h, testKey, fragmentsOf(c.keyExchange(identity), 6)[1], c.keyExchange(identity),
			c.sealed(t, 0, record.TypeHandshake, parts[0][record.HeaderSize:]...), c.sealed(t, 1, record.TypeHandshake, parts[1][record.HeaderSize:]...))
		if h.Status() != Complete {
			t.Errorf("status %d, error %v", h.Status(), h.Err())
		}
	})
	t.Run("the same message twice in a record", func(t *testing.T) {
		c, h, _ := newClient(t, record.PSKWithAES128CCM, testKey, nil)
		twice := slices.Concat(c.hello[record.HeaderSize:], c.hello[record.HeaderSize:])
		if sent := feed(t, h, nil, plain(record.TypeHandshake, twice...), c.hello); len(sent) != 2 || sent[0][10] != 3 || sent[1][10] != 5 {
			t.Errorf("sent %x", sent)
		}
	})
	t.Run("two messages in one record", func(t *testing.T) {
		c, h, _ := newClient(t, record.PSKWithAES128CCM, testKey, nil)
		both := slices.Concat(c.hello[record.HeaderSize:], c.keyExchange(testIdentity)[record.HeaderSize:])
		if sent := feed(t, h, nil, plain(record.TypeHandshake, both...)); len(sent) != 1 || h.Status() != NeedsKey {
			t.Errorf("sent %d, status %d", len(sent), h.Status())
		}
	})
}

// A fragment that contradicts itself, or goes beyond its record, is none.
func TestCutFragment(t *testing.T) {
	good := []byte{16, 0, 0, 4, 0, 2, 0, 0, 1, 0, 0, 2, 'x', 'y', 7}
	f, rest, ok := cutFragment(good)
	if !ok || f.kind != 16 || f.number != 2 || f.length != 4 || f.offset != 1 || string(f.data()) != "xy" || !bytes.Equal(rest, []byte{7}) {
		t.Errorf("%+v, rest %x, %t", f, rest, ok)
	}
	for name, set := range map[string]func(b []byte){
		"goes beyond the message": func(b []byte) { b[8] = 3 },
		"begins beyond it":        func(b []byte) { b[6] = 1 },
		"goes beyond the record":  func(b []byte) { b[3], b[11] = 9, 4 },
		"is empty":                func(b []byte) { b[11] = 0 },
	} {
		b := bytes.Clone(good)
		set(b)
		if f, _, ok := cutFragment(b); ok {
			t.Errorf("one that %s: %+v", name, f)
		}
	}
	if _, _, ok := cutFragment(good[:11]); ok {
		t.Error("half a header is a fragment")
	}
	if f, _, ok := cutFragment(serverHelloDone); !ok || f.length != 0 {
		t.Errorf("a message without a body: %+v, %t", f, ok)
	}
}

// An identity that is empty or too long is refused, however much of it has come; a
// ClientKeyExchange that contradicts itself too.
func TestIdentity(t *testing.T) {
	for n, want := range map[int]error{0: ErrIdentity, 1: nil, MaxIdentity: nil, MaxIdentity + 1: ErrIdentity, 5000: ErrIdentity} {
		c, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil)
		r, _, _ := record.Next(c.keyExchange(strings.Repeat("x", n)))
		out := h.Take(r, now)
		switch {
		case !errors.Is(h.Err(), want):
			t.Errorf("%d bytes: %v, want %v", n, h.Err(), want)
		case want == nil && (h.Status() != NeedsKey || len(h.Identity()) != n):
			t.Errorf("%d bytes: status %d, identity %q", n, h.Status(), h.Identity())
		case want != nil && (!bytes.Equal(out[13:], []byte{2, 47}) || !strings.Contains(h.Err().Error(), fmt.Sprintf("has %d bytes", n))):
			t.Errorf("%d bytes: %v, sent %x", n, h.Err(), out)
		}
	}
	_, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil)
	long := message(clientKeyExchange, keyExchangeNumber, make([]byte, 300))
	long[8], long[11], long[10] = 0, 1, 0
	if feed(t, h, testKey, plain(record.TypeHandshake, long[:13]...)); !errors.Is(h.Err(), ErrIdentity) {
		t.Errorf("a fragment of a long one: %v", h.Err())
	}
	for _, body := range [][]byte{{}, {0}, {0, 2, 'x'}, {0, 1, 'x', 'y'}} {
		_, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil)
		sent := feed(t, h, testKey, plain(record.TypeHandshake, message(clientKeyExchange, keyExchangeNumber, body)...))
		if h.Status() != Failed || !errors.Is(h.Err(), errKeyExchange) || len(sent) != 1 || !bytes.Equal(sent[0][13:], []byte{2, 50}) {
			t.Errorf("%x: %v, sent %x", body, h.Err(), sent)
		}
	}
}

// With another key than the client's the handshake stays as it is, whatever comes.
func TestWrongKey(t *testing.T) {
	c, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil, extendedMaster)
	flight := slices.Concat(c.keyExchange(testIdentity), plain(record.TypeChangeCipherSpec, 1), c.sealed(t, 0, record.TypeHandshake, c.finished()...))
	for range 3 {
		if sent := feed(t, h, otherKey, flight, c.sealed(t, 1, record.TypeAlert, 2, 80)); sent != nil || h.Status() != Waiting {
			t.Fatalf("status %d, sent %x", h.Status(), sent)
		}
	}
	if sent := feed(t, h, otherKey, plain(record.TypeHandshake, c.finished()...)); sent != nil || h.Status() != Waiting {
		t.Errorf("a Finished in the clear: status %d, sent %x", h.Status(), sent)
	}
}

// A Finished with the right key over other messages ends the handshake.
func TestFinishedOfAnotherHandshake(t *testing.T) {
	c, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil) // without the extended master secret
	c.transcript[record.HandshakeHeader+40]++
	sent := feed(t, h, testKey, c.keyExchange(testIdentity), c.sealed(t, 0, record.TypeHandshake, c.finished()...))
	if h.Status() != Failed || !errors.Is(h.Err(), ErrOtherMessages) || len(sent) != 1 || !bytes.Equal(sent[0][13:], []byte{2, 51}) {
		t.Errorf("%v, sent %x", h.Err(), sent)
	}
}

// An alert of the client ends a handshake if it is fatal, in the clear or not; close_notify is
// answered in the clear.
func TestAlerts(t *testing.T) {
	for _, tt := range []struct {
		name         string
		sealed       bool
		level, alert byte
		ends         string
		answer       []byte
	}{
		{"fatal", false, 2, 47, "the client sent alert 47, IllegalParameter", nil},
		{"fatal, one that pion does not name", false, 2, 115, "the client sent alert 115", nil},
		{"close_notify", false, 1, 0, "the client sent alert 0, CloseNotify", []byte{1, 0}},
		{"warning", false, 1, 90, "", nil},
		{"fatal, sealed", true, 2, 20, "the client sent alert 20, BadRecordMac", nil},
		{"warning, sealed", true, 1, 90, "", nil},
		{"close_notify, sealed", true, 1, 0, "", nil},
	} {
		c, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil)
		feed(t, h, testKey, c.keyExchange(testIdentity))
		b := plain(record.TypeAlert, tt.level, tt.alert)
		if tt.sealed {
			b = c.sealed(t, 5, record.TypeAlert, tt.level, tt.alert)
		}
		sent := feed(t, h, testKey, plain(record.TypeAlert, 2), b)
		failed := new(AlertError)
		if got := h.Status() == Failed; got != (tt.ends != "") || got && (!errors.As(h.Err(), &failed) || h.Err().Error() != tt.ends) {
			t.Errorf("%s: status %d, error %v", tt.name, h.Status(), h.Err())
		}
		if tt.answer == nil && sent != nil || tt.answer != nil && (len(sent) != 1 || !bytes.Equal(sent[0][13:], tt.answer)) {
			t.Errorf("%s: sent %x", tt.name, sent)
		}
	}
}

// What overtakes the Finished is not lost, before there is a key and after, and nothing is taken
// twice; more than a few kilobytes are dropped.
func TestWhatOvertakesTheFinished(t *testing.T) {
	c, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil)
	request := func(i byte) []byte { return c.sealed(t, uint64(i), record.TypeApplicationData, i) }
	feed(t, h, testKey, request(1), request(1), request(2), c.keyExchange(testIdentity), request(2), request(3),
		c.sealed(t, 4, record.TypeAlert, 1, 0), c.sealed(t, 0, record.TypeHandshake, c.finished()...))
	if h.Status() != Complete {
		t.Fatalf("status %d, error %v", h.Status(), h.Err())
	}
	var got []byte
	for _, o := range h.Result().After {
		got = append(got, o.Content...)
	}
	if !bytes.Equal(got, []byte{1, 2, 3, 1, 0}) || len(h.Result().After) != 4 {
		t.Errorf("kept %d records: %x", len(h.Result().After), got)
	}

	for _, known := range []bool{false, true} {
		c, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, nil)
		if known {
			feed(t, h, testKey, c.keyExchange(testIdentity))
		}
		for i := range 100 {
			feed(t, h, testKey, c.sealed(t, uint64(1+i), record.TypeApplicationData, make([]byte, 500)...))
		}
		kept := 0
		for _, r := range h.early {
			kept += len(r.Header) + len(r.Content)
		}
		for _, o := range h.after {
			kept += len(o.Content)
		}
		if kept < 2000 || kept > maxKept {
			t.Errorf("%d bytes are kept", kept)
		}
	}
}

// A record without the connection ID that it must have, or with another, is no Finished.
func TestConnectionID(t *testing.T) {
	c, h, _ := newClient(t, record.PSKWithAES128CCM8, testKey, ownCID, askCID())
	feed(t, h, testKey, c.keyExchange(testIdentity))
	c.layer.PeerCID = nil
	feed(t, h, testKey, c.sealed(t, 0, record.TypeHandshake, c.finished()...))
	c.layer.PeerCID = []byte{9, 9, 9, 9, 9, 9, 9, 9}
	feed(t, h, testKey, c.sealed(t, 0, record.TypeHandshake, c.finished()...))
	if h.Status() != Waiting {
		t.Fatalf("status %d", h.Status())
	}
	c.layer.PeerCID = ownCID
	if feed(t, h, testKey, c.sealed(t, 0, record.TypeHandshake, c.finished()...)); h.Status() != Complete {
		t.Errorf("status %d, error %v", h.Status(), h.Err())
	}
}

// Recordings of OpenSSL, GnuTLS and Mbed TLS with pion's server: with the random of that server this one
// sends the very same bytes.
func TestRecordedHandshakes(t *testing.T) {
	for _, folder := range [][]string{nil, {"fragments"}} {
		for name, datagrams := range coaptest.Recordings(t, folder...) {
			t.Run(strings.Join(append(folder, name), "/"), func(t *testing.T) {
				parts := hello.NewReassembler(func(udp.Peer, hello.Hello, time.Time) bool { return true })
				var h *Handshake
				var out []byte
				for i, d := range datagrams {
					b := d.B
					if _, ok := hello.ParseWhole(b); !ok && d.Up && h == nil {
						b, _ = parts.Take(udp.Peer{}, b, now)
					}
					if w, ok := hello.ParseWhole(b); d.Up && ok && len(w.Cookie) > 0 && h == nil {
						offer, ok := hello.ParseOffer(b)
						body, is := record.SentHandshake(datagrams[i+1].B, record.ServerHello)
						if !ok || !is {
							t.Fatalf("no ServerHello follows: %x", datagrams[i+1].B)
						}
						h, out = Begin(Opening{Hello: b, Offer: offer, Random: [32]byte(body[2:34])}, now)
						continue
					}
					if h == nil {
						continue
					}
					if h.Status() == Complete && out == nil {
						return
					}
					if !d.Up {
						if !bytes.Equal(out, b) {
							t.Fatalf("it sends\n%x, want\n%x", out, b)
						}
						out = nil
						continue
					}
					for _, b := range feed(t, h, testKey, d.B) {
						out = append(out, b...)
					}
				}
				t.Error("it is not complete")
			})
		}
	}
}
