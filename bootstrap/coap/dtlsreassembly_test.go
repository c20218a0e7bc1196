package coap

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// fragmentOf returns a record with a part of the ClientHello that is whole in record.
func fragmentOf(record []byte, from, to int) []byte {
	message := record[recordHeader:]
	b := slices.Concat(record[:recordHeader], message[:6],
		[]byte{0, byte(from >> 8), byte(from), 0, byte((to - from) >> 8), byte(to - from)}, message[handshakeHeader+from:handshakeHeader+to])
	n := len(b) - recordHeader
	b[recordHeader-2], b[recordHeader-1] = byte(n>>8), byte(n)
	return b
}

// longHello is a second ClientHello of a peer, with an extension of n more bytes than it
// needs where n is more than 5.
func longHello(m *mux, peer udpPeer, random byte, n int) []byte {
	b := returnHello(m, peer, random)
	if n < 6 {
		return b
	}
	b = append(b, byte((n-2)>>8), byte(n-2), 0xff, 0xf0, byte((n-6)>>8), byte(n-6))
	for i := range n - 6 {
		b = append(b, byte(i))
	}
	for _, at := range []int{recordHeader - 2, recordHeader + 2, recordHeader + 10} {
		length := int(b[at])<<8 + int(b[at+1]) + n
		b[at], b[at+1] = byte(length>>8), byte(length)
	}
	return b
}

// However a ClientHello is cut, in whatever order its parts come, and however often, what
// comes out is what was cut.
func TestReassembleAnyOrder(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	r := rand.New(rand.NewPCG(1, 2))
	for port := range uint16(2000) {
		peer := peerAt(1 + port)
		record := longHello(m, peer, byte(r.Uint32()), r.IntN(700))
		n := len(record) - recordHeader - handshakeHeader
		var parts [][]byte
		for at := 0; at < n; {
			end := min(n, at+1+r.IntN(1+n/4))
			parts = append(parts, fragmentOf(record, max(0, at-r.IntN(5)), end))
			if r.IntN(3) == 0 {
				parts = append(parts, parts[r.IntN(len(parts))])
			}
			at = end
		}
		r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		var got []byte
		for _, b := range parts {
			if whole, _ := m.partials.take(peer, b, time.Now()); whole != nil {
				got = whole
			}
		}
		if !bytes.Equal(got, record) {
			t.Fatalf("of %d parts came\n%x, want\n%x", len(parts), got, record)
		}
	}
}

// What real clients sent in fragments, in whichever order it comes, is the ClientHello that
// they sent before with the cookie in it.
func TestReassembleRecordings(t *testing.T) {
	for name, all := range recordingsIn(t, "../../testdata/dtls/fragments") {
		var cookie []byte
		var parts [][]byte
		for _, r := range all {
			if c, ok := sentCookie(r.b); ok && !r.up {
				cookie = c
			}
			if r.up && len(secondHelloParts(r.b)) > 0 {
				parts = append(parts, r.b)
			}
		}
		if len(parts) < 2 {
			t.Fatalf("%s: %d fragments", name, len(parts))
		}
		for range 2 {
			r := newReassembler(func(_ udpPeer, h hello, _ time.Time) bool { return bytes.Equal(h.cookie, cookie) })
			var whole []byte
			for _, b := range parts {
				if whole != nil {
					t.Errorf("%s: it is whole though %x is missing", name, b)
				}
				whole, _ = r.take(peerAt(9), b, time.Now())
			}
			w, ok := parseWholeHello(whole)
			if !ok || !bytes.Equal(w.cookie, cookie) {
				t.Fatalf("%s: %x comes out", name, whole)
			}
			first, ok := w.before()
			if _, inOne := parseWholeHello(all[0].b); !ok || inOne && !bytes.Equal(first[recordHeader:], all[0].b[recordHeader:]) {
				t.Errorf("%s: before it comes %x, want %x", name, first, all[0].b)
			}
			slices.Reverse(parts)
		}
	}
}

// Of those whose cookie is not back little is kept, and not for long; they push out nothing
// of those whose is.
func TestReassembleForgedParts(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	now := time.Now()
	device := peerAt(9)
	record := longHello(m, device, 1, 200)
	if whole, why := m.partials.take(device, fragmentOf(record, 0, 150), now); whole != nil || why != notDropped {
		t.Fatalf("the first part: %x, %v", whole, why)
	}
	for i := range 100_000 {
		from := udpPeer{remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 9)}
		forged := longHello(m, peerAt(10), 2, i%3000) // with a cookie that is not its own
		n := len(forged) - recordHeader - handshakeHeader
		for _, part := range [][]byte{fragmentOf(forged, 0, n-1), fragmentOf(forged, n-1, n), fragmentOf(forged, 0, 40)} {
			if whole, _ := m.partials.take(from, part, now); whole != nil {
				t.Fatal("a forged ClientHello is complete")
			}
		}
	}
	if got := m.partials.early.all; !got.within(load{maxEarlyPartials, maxEarlyBytes}) {
		t.Errorf("%+v are kept", got)
	}
	n := len(record) - recordHeader - handshakeHeader
	if whole, _ := m.partials.take(device, fragmentOf(record, 150, n), now); !bytes.Equal(whole, record) {
		t.Errorf("the device got %x", whole)
	}
	now = now.Add(earlyPatience + 1)
	m.partials.take(device, record, now)
	if got := m.partials.early.all; got != (load{}) || len(m.partials.early.perNet) != 0 {
		t.Errorf("%+v are kept after that", got)
	}
}

// At the limits the oldest goes: of its own network first, so that one network does not
// push out the others.
func TestReassembleLimits(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	now := time.Now()
	begin := func(a, b byte, port uint16, n int) (rest []byte, peer udpPeer) {
		peer = udpPeer{remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, a, b, 1}), port)}
		record := longHello(m, peer, 1, n)
		if _, why := m.partials.take(peer, fragmentOf(record, 0, 100), now); why != notDropped {
			t.Fatalf("a first part is dropped: %v", why)
		}
		return fragmentOf(record, 100, len(record)-recordHeader-handshakeHeader), peer
	}
	complete := func(rest []byte, peer udpPeer) bool {
		whole, _ := m.partials.take(peer, rest, now)
		return whole != nil
	}
	lone, lonely := begin(1, 1, 9, 200)
	first, peer := begin(2, 2, 9, 200)
	for i := range uint16(maxProvedPartials) {
		begin(2, 2, 10+i, 200)
	}
	if got := m.partials.proved.all; !got.within(load{1 + maxProvedPartials/partialShare, maxProvedBytes}) {
		t.Errorf("of two networks %+v are kept", got)
	}
	if complete(first, peer) {
		t.Error("the oldest of a network that has more than its share is kept")
	}
	if !complete(lone, lonely) {
		t.Error("another network had to give way")
	}
	for i := range 2 * maxProvedPartials {
		begin(byte(3+i>>8), byte(i), 9, 3000)
	}
	if got := m.partials.proved.all; !got.within(load{maxProvedPartials, maxProvedBytes}) || got.count < 100 {
		t.Errorf("%+v are kept", got)
	}
}

// A device that begins anew gets what it began last; a part that contradicts what is there
// is believed, as it may be the right one.
func TestReassembleAnew(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	now, peer := time.Now(), peerAt(9)
	before, after := longHello(m, peer, 1, 100), longHello(m, peer, 2, 100)
	n := len(after) - recordHeader - handshakeHeader
	wrong := bytes.Clone(after)
	wrong[len(wrong)-1]++
	var got []byte
	for _, b := range [][]byte{fragmentOf(before, 0, 90), fragmentOf(wrong, 120, n), fragmentOf(after, 0, 90), fragmentOf(after, 110, n), fragmentOf(after, 90, 115)} {
		if whole, _ := m.partials.take(peer, b, now); whole != nil {
			got = whole
		}
	}
	if !bytes.Equal(got, after) {
		t.Errorf("came\n%x, want\n%x", got, after)
	}
}

// Parts with gaps between them are limited.
func TestReassembleGaps(t *testing.T) {
	m := newTestMux(t, func(*Config) {})
	now, peer := time.Now(), peerAt(9)
	record := longHello(m, peer, 1, 500)
	dropped := 0
	for at := 0; at < 400; at += 2 {
		if _, why := m.partials.take(peer, fragmentOf(record, at, at+1), now); why == DropQueueFull {
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
	m := newTestMux(f, func(*Config) {})
	peer := peerAt(9)
	record := longHello(m, peer, 1, 100)
	n := len(record) - recordHeader - handshakeHeader
	f.Add(fragmentOf(record, 0, 80), fragmentOf(record, 80, n))
	f.Add(fragmentOf(record, 90, n), fragmentOf(record, 0, 91))
	f.Add(slices.Concat(fragmentOf(record, 0, 80), fragmentOf(record, 70, 90)), fragmentOf(record, 80, n))
	f.Add(record, beginHello(1))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		r := newReassembler(m.returned)
		now := time.Now()
		for _, d := range [][]byte{a, b, fragmentOf(record, 0, 80), a, b, fragmentOf(record, 80, n)} {
			whole, _ := r.take(peer, d, now)
			if whole == nil {
				continue
			}
			w, ok := parseWholeHello(whole)
			if !ok || !m.cookies.check(w.cookie, peer, w.random(), now) {
				t.Fatalf("%x comes out", whole)
			}
			if _, ok := w.before(); !ok {
				t.Fatalf("nothing can come before %x", whole)
			}
		}
		for _, s := range []*shelf{r.proved, r.early} {
			if !s.all.within(s.most) || s.all.count != s.order.Len() || len(s.byKey) != s.order.Len() {
				t.Fatalf("%+v with %d in order and %d by key", s.all, s.order.Len(), len(s.byKey))
			}
		}
	})
}
