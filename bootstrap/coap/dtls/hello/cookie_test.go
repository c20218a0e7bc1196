package hello

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

func TestCookie(t *testing.T) {
	m := NewCookieMaker()
	peer := portAt(9)
	var random [record.RandomSize]byte
	now := time.Unix(1e9, 0).Truncate(cookiePeriod)
	cookie := m.Cookie(peer, random, now)
	if len(cookie) != cookieSize {
		t.Fatalf("it has %d bytes", len(cookie))
	}
	otherRandom, local := random, peer
	otherRandom[31]++
	local.Local = netip.MustParseAddr("192.0.2.1")
	farther := peer
	farther.Remote = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.2"), 9)
	tests := []struct {
		name   string
		maker  CookieMaker
		peer   udp.Peer
		random [record.RandomSize]byte
		after  time.Duration
		want   bool
	}{
		{"the same", m, peer, random, 0, true},
		{"at the end of the second period after", m, peer, random, 3*cookiePeriod - 1, true},
		{"after that", m, peer, random, 3 * cookiePeriod, false},
		{"before it was made", m, peer, random, -1, false},
		{"another port", m, portAt(10), random, 0, false},
		{"another address", m, farther, random, 0, false},
		{"another address of ours", m, local, random, 0, false},
		{"another random", m, peer, otherRandom, 0, false},
		{"another server", NewCookieMaker(), peer, random, 0, false},
	}
	for _, tt := range tests {
		if got := tt.maker.Check(cookie, tt.peer, tt.random, now.Add(tt.after)); got != tt.want {
			t.Errorf("%s: good is %t, want %t", tt.name, got, tt.want)
		}
	}
	if m.Check(nil, peer, random, now) || m.Check(cookie[:cookieSize-1], peer, random, now) {
		t.Error("a part of it is good")
	}
}

// What pion sends is what it can read, whoever made it.
func TestChallenge(t *testing.T) {
	want := []byte("twenty bytes exactly")
	got, ok := SentCookie(Challenge(want))
	if !ok || !bytes.Equal(got, want) {
		t.Errorf("cookie %q, %t", got, ok)
	}
}

// What real clients sent before their second ClientHello is what it is taken to follow.
func TestWholeHelloBefore(t *testing.T) {
	for name, all := range coaptest.Recordings(t) {
		var hellos [][]byte
		for _, r := range all {
			if w, ok := ParseWhole(r.B); ok && r.Up {
				hellos = append(hellos, r.B)
				if int(w.message) != len(hellos)-1 {
					t.Errorf("%s: message %d", name, w.message)
				}
			}
		}
		if len(hellos) != 2 {
			t.Fatalf("%s: %d ClientHellos", name, len(hellos))
		}
		second, _ := ParseWhole(hellos[1])
		first, ok := second.Before()
		if !ok || !bytes.Equal(first, hellos[0]) {
			t.Errorf("%s: before it\n%x, want\n%x", name, first, hellos[0])
		}
		if _, ok := ParseWhole(append(bytes.Clone(hellos[1]), hellos[1]...)); ok {
			t.Errorf("%s: two are taken for one", name)
		}
		for n := range len(hellos[1]) {
			if _, ok := ParseWhole(hellos[1][:n]); ok {
				t.Fatalf("%s: the first %d bytes are taken for all", name, n)
			}
		}
	}
}

// The ClientHello before another is one too, and differs in cookie and numbers alone.
func FuzzWholeHello(f *testing.F) {
	for _, all := range coaptest.Recordings(f) {
		for _, r := range all {
			f.Add(r.B)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		second, ok := ParseWhole(b)
		if !ok {
			return
		}
		before, ok := second.Before()
		if !ok {
			return
		}
		first, ok := ParseWhole(before)
		if !ok || first.message != 0 || len(first.Cookie) != 0 ||
			!bytes.Equal(first.opening, second.opening) || !bytes.Equal(first.rest, second.rest) {
			t.Fatalf("before %x comes %x", b, before)
		}
		numbers := [2]uint64{binary.BigEndian.Uint64(first.header[3:]), binary.BigEndian.Uint64(second.header[3:])}
		if numbers[0]+1 != numbers[1] {
			t.Errorf("records %x", numbers)
		}
	})
}
