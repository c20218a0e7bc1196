package dtls

import (
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/traffic"
)

// holding makes h let each peer have n active associations.
func (h *smallListener) holding(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cfg.DTLS.MaxPerPeer = n
}

// ping sends c's server an empty Confirmable message, and waits until it came.
func (h *smallListener) ping(c bootstrap.Conn) {
	h.t.Helper()
	before := h.hub.Meter.Snapshot().Dropped[traffic.DropStray]
	again := time.Now()
	h.until("the ping came", func() bool {
		if !time.Now().Before(again) { // not at once, as those that come late would be business later
			again = time.Now().Add(time.Second)
			if _, err := h.sockets[c].Write([]byte{0x40, 0, 0, 7}); err != nil {
				h.t.Fatal(err)
			}
		}
		return h.hub.Meter.Snapshot().Dropped[traffic.DropStray] > before
	})
	h.until("all rest", func() bool {
		for e := h.active.Front(); e != nil; e = e.Next() {
			if c := e.Value.(*association).conn; c == nil || !c.Idle() {
				return false
			}
		}
		return true
	})
}

// Of one peer few associations are active, whatever room there is: the one that made no request
// for longest makes room. Pings do not count as use.
func TestPeerHasFewAssociations(t *testing.T) {
	h := newSmallListener(t, 100)
	h.holding(2)
	first, second := h.enter(true), h.enter(true)
	h.ask(second, "bs")
	h.ask(first, "bs")
	h.ping(second)
	third := h.enter(true)
	h.left(second, first, third)
	if n := h.hub.Meter.Snapshot().Crowded; n != 1 || h.associations() != 2 {
		t.Errorf("%d made room, %d are active", n, h.associations())
	}
}

// A new association is admitted also where all associations of its peer have business.
func TestPeerComesAgainWhileAllAreBusy(t *testing.T) {
	h := newSmallListener(t, 100)
	defer close(h.busy)
	h.holding(2)
	first, second := h.enter(true), h.enter(true)
	h.ask(first, "busy")
	h.ask(second, "busy")
	third := h.enter(true)
	h.left(first, third)
	h.ask(second, "bs")
}

// An association that hibernated and comes back makes room among those of its peer, too.
func TestPeerWakesWhereOthersAreActive(t *testing.T) {
	h := newSmallListener(t, 100)
	h.mu.Lock()
	h.cfg.DTLS.MaxHibernated = 10
	h.mu.Unlock()
	h.holding(1)
	first := h.enter(true)
	second := h.enter(true) // the first hibernates
	for _, c := range []bootstrap.Conn{first, second, first} {
		h.ask(c, "bs")
		if active, dormant := h.associations(), h.hibernated(); active != 1 || dormant != 1 {
			t.Fatalf("%d are active, %d hibernate", active, dormant)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.peers); n != 1 {
		t.Errorf("%d peers are known to be active", n)
	}
}

// Who makes room for an association that comes back does not push it out of those that
// hibernate, however few these may be.
func TestWakingIsNotPushedOut(t *testing.T) {
	h := newSmallListener(t, 100)
	h.mu.Lock()
	h.cfg.DTLS.MaxHibernated = 1
	h.mu.Unlock()
	h.holding(1)
	first, second := h.enter(true), h.enter(true)
	h.ask(first, "bs")
	h.ask(second, "bs")
	if active, dormant := h.associations(), h.hibernated(); active != 1 || dormant != 1 {
		t.Errorf("%d are active, %d hibernate", active, dormant)
	}
}
