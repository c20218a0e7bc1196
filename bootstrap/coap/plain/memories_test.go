package plain

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/udp"
)

func peerNumber(i int) udp.Peer {
	return udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5683)}
}

// What is remembered of a peer is there for EXCHANGE_LIFETIME, once, and not for much longer.
func TestMemoriesAge(t *testing.T) {
	began := time.Now()
	at := func(d time.Duration) time.Time { return began.Add(d) }
	var m memories
	m.add(peerNumber(1), "one", at(0))
	m.add(peerNumber(2), "", at(0))
	m.add(peerNumber(3), "three", at(0))
	m.add(peerNumber(4), "four", at(0))
	for _, tt := range []struct {
		after time.Duration
		peer  int
		want  exchange.Memory
	}{
		{0, 1, "one"}, {0, 1, ""}, {0, 2, ""}, {message.ExchangeLifetime, 3, "three"}, {2*message.ExchangeLifetime + 2*time.Second, 4, ""},
	} {
		if got := m.take(peerNumber(tt.peer), at(tt.after)); got != tt.want {
			t.Errorf("after %v of peer %d: %q, want %q", tt.after, tt.peer, got, tt.want)
		}
	}
}

// 65,536 peers are remembered whose conn has ended; then the older half makes room.
func TestMemoriesAreLimited(t *testing.T) {
	var m memories
	now := time.Now()
	for i := range 64 << 10 {
		m.add(peerNumber(i), "x", now)
	}
	if n := len(m.young) + len(m.old); n != 64<<10 {
		t.Errorf("%d are remembered", n)
	}
	m.add(peerNumber(64<<10), "x", now)
	if n := len(m.young) + len(m.old); n != 32<<10+1 || m.take(peerNumber(0), now) != "" || m.take(peerNumber(64<<10), now) != "x" {
		t.Errorf("after one more %d are remembered", n)
	}
}

// A late duplicate of a request, after the conn of its peer has ended, is answered and begins nothing. Only
// a peer that has shown that it is there is remembered so.
func TestLateDuplicatesBeginNothing(t *testing.T) {
	for name, tt := range map[string]struct {
		peer       udp.Peer
		duplicates uint64
	}{"a device": {attacker(deviceNumber), 1}, "an address that may be forged": {attacker(1), 0}} {
		inTable(t, func(t *testing.T, s testTable) {
			c := s.conn(tt.peer)
			s.take(tt.peer, forgedRequest(t, 1, nil))
			synctest.Wait()
			_ = c.CloseFor(nil)
			synctest.Wait()
			time.Sleep(message.ExchangeLifetime / 2)
			s.take(tt.peer, forgedRequest(t, 1, nil))
			synctest.Wait()
			if got := s.meter.Snapshot().Duplicates; got != tt.duplicates {
				t.Errorf("%s: %d duplicates, want %d", name, got, tt.duplicates)
			}
			time.Sleep(exchange.ReleaseDelay)
			synctest.Wait()
			if gone := s.find(tt.peer, false) == nil; gone != (tt.duplicates > 0) {
				t.Errorf("%s: the duplicate keeps no association: %t", name, gone)
			}
		})
	}
}
