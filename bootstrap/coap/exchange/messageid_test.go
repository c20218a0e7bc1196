package exchange

import (
	"testing"

	"lwbs/bootstrap/auth"
)

// Message IDs begin anywhere, so that those of a new association are not those of the one
// before, which the peer may still have in memory (RFC 7252 §4.4); then they go on.
func TestMessageIDs(t *testing.T) {
	play(t, nil, func(t *testing.T, s *script) {
		const conns = 8
		begins := make(map[uint16]bool)
		for range conns {
			c := s.hub.NewConn(&script{t: t, down: make(chan struct{})}, auth.Peer{}, "")
			c.mu.Lock()
			id := c.nextID()
			if next := c.nextID(); next != id+1 {
				t.Errorf("behind message ID %d comes %d", id, next)
			}
			c.mu.Unlock()
			begins[id] = true
		}
		if len(begins) < conns-2 { // two may be alike by chance
			t.Errorf("message IDs of %d associations begin at %v", conns, begins)
		}
	})
}
