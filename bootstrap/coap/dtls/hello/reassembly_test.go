package hello

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// fragmentOf returns a record with a part of the ClientHello that is whole in record.
func fragmentOf(datagram []byte, from, to int) []byte {
	message := datagram[record.HeaderSize:]
	b := slices.Concat(datagram[:record.HeaderSize], message[:6],
		[]byte{0, byte(from >> 8), byte(from), 0, byte((to - from) >> 8), byte(to - from)}, message[record.HandshakeHeader+from:record.HandshakeHeader+to])
	n := len(b) - record.HeaderSize
	b[record.HeaderSize-2], b[record.HeaderSize-1] = byte(n>>8), byte(n)
	return b
}

// A testReassembly is a reassembler with a maker of cookies.
type testReassembly struct {
	began    time.Time // when cookies are made
	cookies  CookieMaker
	partials *Reassembler
}

func newTestReassembly() testReassembly {
	m := testReassembly{began: time.Now(), cookies: NewCookieMaker()}
	m.partials = NewReassembler(m.returned)
	return m
}

func (m testReassembly) returned(peer udp.Peer, h Hello, now time.Time) bool {
	return m.cookies.Check(h.Cookie, peer, h.Random, now)
}

// longHello is a second ClientHello of a peer, with an extension of n more bytes than it
// needs where n is more than 5.
func longHello(m testReassembly, peer udp.Peer, random byte, n int) []byte {
	b := coaptest.SecondHello(random, m.cookies.Cookie(peer, coaptest.Random(random), m.began))
	if n < 6 {
		return b
	}
	b = append(b, byte((n-2)>>8), byte(n-2), 0xff, 0xf0, byte((n-6)>>8), byte(n-6))
	for i := range n - 6 {
		b = append(b, byte(i))
	}
	for _, at := range []int{record.HeaderSize - 2, record.HeaderSize + 2, record.HeaderSize + 10} {
		length := int(b[at])<<8 + int(b[at+1]) + n
		b[at], b[at+1] = byte(length>>8), byte(length)
	}
	return b
}

// However a ClientHello is cut, in whatever order its parts come, and however often, what
// comes out is what was cut.
func TestReassembleAnyOrder(t *testing.T) {
	m := newTestReassembly()
	r := rand.New(rand.NewPCG(1, 2))
	for port := range uint16(2000) {
		peer := portAt(1 + port)
		datagram := longHello(m, peer, byte(r.Uint32()), r.IntN(700))
		n := len(datagram) - record.HeaderSize - record.HandshakeHeader
		var parts [][]byte
		for at := 0; at < n; {
			end := min(n, at+1+r.IntN(1+n/4))
			parts = append(parts, fragmentOf(datagram, max(0, at-r.IntN(5)), end))
			if r.IntN(3) == 0 {
				parts = append(parts, parts[r.IntN(len(parts))])
			}
			at = end
		}
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		var got []byte
		for _, b := range parts {
			if whole, _ := m.partials.Take(peer, b, time.Now()); whole != nil {
				got = whole
			}
		}
		if !bytes.Equal(got, datagram) {
			t.Fatalf("of %d parts came\n%x, want\n%x", len(parts), got, datagram)
		}
	}
}

// What real clients sent in fragments, in whichever order it comes, is the ClientHello that
// they sent before with the cookie in it.
func TestReassembleRecordings(t *testing.T) {
	for name, all := range coaptest.Recordings(t, "fragments") {
		var cookie []byte
		var parts [][]byte
		for _, r := range all {
			if c, ok := SentCookie(r.B); ok && !r.Up {
				cookie = c
			}
			if r.Up && len(secondHelloParts(r.B)) > 0 {
				parts = append(parts, r.B)
			}
		}
		if len(parts) < 2 {
			t.Fatalf("%s: %d fragments", name, len(parts))
		}
		for range 2 {
			r := NewReassembler(func(_ udp.Peer, h Hello, _ time.Time) bool { return bytes.Equal(h.Cookie, cookie) })
			var whole []byte
			for _, b := range parts {
				if whole != nil {
					t.Errorf("%s: it is whole though %x is missing", name, b)
				}
				whole, _ = r.Take(portAt(9), b, time.Now())
			}
			w, ok := ParseWhole(whole)
			if !ok || !bytes.Equal(w.Cookie, cookie) {
				t.Fatalf("%s: %x comes out", name, whole)
			}
			first, ok := w.Before()
			if _, inOne := ParseWhole(all[0].B); !ok || inOne && !bytes.Equal(first[record.HeaderSize:], all[0].B[record.HeaderSize:]) {
				t.Errorf("%s: before it comes %x, want %x", name, first, all[0].B)
			}
			slices.Reverse(parts)
		}
	}
}

// Of those whose cookie is not back little is kept, and not for long; they push out nothing
// of those whose is.
func TestReassembleForgedParts(t *testing.T) {
	m := newTestReassembly()
	now := m.began
	device := portAt(9)
	datagram := longHello(m, device, 1, 200)
	if whole, why := m.partials.Take(device, fragmentOf(datagram, 0, 150), now); whole != nil || why != traffic.NotDropped {
		t.Fatalf("the first part: %x, %v", whole, why)
	}
	for i := range 100_000 {
		from := udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 9)}
		forged := longHello(m, portAt(10), 2, i%3000) // with a cookie that is not its own
		n := len(forged) - record.HeaderSize - record.HandshakeHeader
		for _, part := range [][]byte{fragmentOf(forged, 0, n-1), fragmentOf(forged, n-1, n), fragmentOf(forged, 0, 40)} {
			if whole, _ := m.partials.Take(from, part, now); whole != nil {
				t.Fatal("a forged ClientHello is complete")
			}
		}
	}
	if got := m.partials.unvalidated.all; !got.within(load{maxUnvalidatedPartials, MaxUnvalidatedBytes}) {
		t.Errorf("%+v are kept", got)
	}
	n := len(datagram) - record.HeaderSize - record.HandshakeHeader
	if whole, _ := m.partials.Take(device, fragmentOf(datagram, 150, n), now); !bytes.Equal(whole, datagram) {
		t.Errorf("the device got %x", whole)
	}
	now = now.Add(unvalidatedPatience + 1)
	m.partials.Take(device, datagram, now)
	if got := m.partials.unvalidated.all; got != (load{}) || len(m.partials.unvalidated.perNet) != 0 {
		t.Errorf("%+v are kept after that", got)
	}
}

// At the limits the oldest goes: of its own network first, so that one network does not
// push out the others.
func TestReassembleLimits(t *testing.T) {
	m := newTestReassembly()
	now := m.began
	begin := func(a, b byte, port uint16, n int) (rest []byte, peer udp.Peer) {
		peer = udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, a, b, 1}), port)}
		datagram := longHello(m, peer, 1, n)
		if _, why := m.partials.Take(peer, fragmentOf(datagram, 0, 100), now); why != traffic.NotDropped {
			t.Fatalf("a first part is dropped: %v", why)
		}
		return fragmentOf(datagram, 100, len(datagram)-record.HeaderSize-record.HandshakeHeader), peer
	}
	complete := func(rest []byte, peer udp.Peer) bool {
		whole, _ := m.partials.Take(peer, rest, now)
		return whole != nil
	}
	lone, lonely := begin(1, 1, 9, 200)
	first, peer := begin(2, 2, 9, 200)
	for i := range uint16(maxValidatedPartials) {
		begin(2, 2, 10+i, 200)
	}
	if got := m.partials.validated.all; !got.within(load{1 + maxValidatedPartials/partialShare, MaxValidatedBytes}) {
		t.Errorf("of two networks %+v are kept", got)
	}
	if complete(first, peer) {
		t.Error("the oldest of a network that has more than its share is kept")
	}
	if !complete(lone, lonely) {
		t.Error("a part of another network was dropped")
	}
	for i := range 2 * maxValidatedPartials {
		begin(byte(3+i>>8), byte(i), 9, 3000)
	}
	if got := m.partials.validated.all; !got.within(load{maxValidatedPartials, MaxValidatedBytes}) || got.count < 100 {
		t.Errorf("%+v are kept", got)
	}
}

// A device that begins anew gets what it began last; a part that contradicts what is there
// is believed, as it may be the right one.
func TestReassembleAnew(t *testing.T) {
	m := newTestReassembly()
	now, peer := m.began, portAt(9)
	before, after := longHello(m, peer, 1, 100), longHello(m, peer, 2, 100)
	n := len(after) - record.HeaderSize - record.HandshakeHeader
	wrong := bytes.Clone(after)
	wrong[len(wrong)-1]++
	var got []byte
	for _, b := range [][]byte{fragmentOf(before, 0, 90), fragmentOf(wrong, 120, n), fragmentOf(after, 0, 90), fragmentOf(after, 110, n), fragmentOf(after, 90, 115)} {
		if whole, _ := m.partials.Take(peer, b, now); whole != nil {
			got = whole
		}
	}
	if !bytes.Equal(got, after) {
		t.Errorf("came\n%x, want\n%x", got, after)
	}
}

// Parts with gaps between them are limited.
func TestReassembleGaps(t *testing.T) {
	m := newTestReassembly()
	now, peer := m.began, portAt(9)
	datagram := longHello(m, peer, 1, 500)
	dropped := 0
	for at := 0; at < 400; at += 2 {
		if _, why := m.partials.Take(peer, fragmentOf(datagram, at, at+1), now); why == traffic.DropQueueFull {
			dropped++
		}
	}
	if dropped != 200-maxSpans {
		t.Errorf("%d were dropped, want all but %d", dropped, maxSpans)
	}
}

// Nothing comes out but whole ClientHellos with a good cookie, of bytes that went in, and
// the limits hold.
func FuzzReassemble(f *testing.F) {
	m := newTestReassembly()
	peer := portAt(9)
	datagram := longHello(m, peer, 1, 100)
	n := len(datagram) - record.HeaderSize - record.HandshakeHeader
	f.Add(fragmentOf(datagram, 0, 80), fragmentOf(datagram, 80, n))
	f.Add(fragmentOf(datagram, 90, n), fragmentOf(datagram, 0, 91))
	f.Add(slices.Concat(fragmentOf(datagram, 0, 80), fragmentOf(datagram, 70, 90)), fragmentOf(datagram, 80, n))
	f.Add(datagram, coaptest.HelloOffering([]record.Suite{record.PSKWithAES128CCM8}))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		r := NewReassembler(m.returned)
		now := time.Now()
		for _, d := range [][]byte{a, b, fragmentOf(datagram, 0, 80), a, b, fragmentOf(datagram, 80, n)} {
			whole, _ := r.Take(peer, d, now)
			if whole == nil {
				continue
			}
			w, ok := ParseWhole(whole)
			if !ok || !m.cookies.Check(w.Cookie, peer, w.Random(), now) {
				t.Fatalf("%x comes out", whole)
			}
			if _, ok := w.Before(); !ok {
				t.Fatalf("nothing can come before %x", whole)
			}
		}
		for _, s := range []*partialStore{r.validated, r.unvalidated} {
			if !s.all.within(s.most) || s.all.count != s.order.Len() || len(s.byKey) != s.order.Len() {
				t.Fatalf("%+v with %d in order and %d by key", s.all, s.order.Len(), len(s.byKey))
			}
		}
	})
}

func portAt(port uint16) udp.Peer {
	return udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)}
}
