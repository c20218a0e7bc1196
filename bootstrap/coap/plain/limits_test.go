package plain

import (
	"net/netip"
	"testing"
	"testing/synctest"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// With the defaults one address has 8,000 associations, four fifths of all, and all have 10,000; each
// that comes then takes the place of another.
func TestAssociationsByDefault(t *testing.T) {
	inTable(t, func(t *testing.T, s testTable) {
		port := uint16(0)
		come := func(address string, n int, want ...int) {
			t.Helper()
			for i := range n {
				port++
				peer := udp.Peer{Remote: netip.AddrPortFrom(netip.MustParseAddr(address), port)}
				if _, why := s.admit(peer, admission.Reservation{}); why != traffic.NotDropped {
					t.Fatalf("the %d. of %s: %v", i+1, address, why)
				}
			}
			synctest.Wait()
			s.mu.Lock()
			defer s.mu.Unlock()
			all, ofHost := len(s.links), s.hosts[hostOf(netip.MustParseAddr(address))].Len()
			if ofHost != want[0] || all != want[1] {
				t.Errorf("after %d of %s it has %d of %d associations, want %d of %d", n, address, ofHost, all, want[0], want[1])
			}
		}
		come("192.0.2.1", 7999, 7999, 7999)
		come("192.0.2.2", 1, 1, 8000)
		come("192.0.2.1", 2, 8000, 8001)
		come("192.0.2.3", 1999, 1999, 10_000)
		come("192.0.2.4", 5, 5, 10_000)
	})
}
