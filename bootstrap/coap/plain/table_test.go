package plain

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/coap/admission"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/outcome"
)

// Peers that do not answer, as they have forged their addresses, keep no one out for longer than
// answers take; one that has answered stays.
func TestUnansweredPeersAreEvicted(t *testing.T) {
	const most = 3 * evictionTries
	inTable(t, func(t *testing.T, s testTable) {
		s.cfg.MaxPeers, s.cfg.NewPeers.PeersPerAddress = most, most
		device := s.conn(attacker(deviceNumber))
		s.take(attacker(deviceNumber), forgedRequest(t, 1, nil)) // answers, and has business all the time
		for i := 1; i < most; i++ {
			s.conn(attacker(i))
			s.take(attacker(i), forgedRequest(t, 1, nil))
		}
		synctest.Wait()
		if c, why := s.admit(attacker(1000), admission.Reservation{}); c != nil {
			t.Fatalf("a peer made room that has just asked: %v", why)
		}
		// Each of them is looked at, and the second request to the device, which has no answer, is not
		// given up: that takes 62 s and more (RFC 7252 §4.8.2, MAX_TRANSMIT_WAIT).
		for i := range 5 * evictionTries {
			time.Sleep(admission.AnswerPatience)
			s.conn(attacker(1000 + i))
			s.take(attacker(1000+i), forgedRequest(t, 1, nil))
			synctest.Wait()
		}
		if s.find(attacker(deviceNumber), false) != device {
			t.Error("a peer that had answered had to go")
		}
	})
}

// What goes on with a peer that makes room ends for that reason.
func TestWhoMakesRoomIsToldWhy(t *testing.T) {
	inTable(t, func(t *testing.T, s testTable) {
		s.cfg.MaxPeers = 1
		s.take(attacker(1), forgedRequest(t, 1, nil))
		synctest.Wait()
		time.Sleep(admission.AnswerPatience)
		s.conn(attacker(2))
		if why := <-s.ended; !errors.Is(why, outcome.ErrBusy) {
			t.Errorf("it ends with %v", why)
		}
	})
}

// A ping does not keep an association from being idle.
func TestPingIsNoUse(t *testing.T) {
	ping, err := message.Encode(message.Message{Kind: message.Confirmable, ID: 7})
	if err != nil {
		t.Fatal(err)
	}
	inTable(t, func(t *testing.T, s testTable) {
		first := s.conn(attacker(1))
		s.conn(attacker(2))
		time.Sleep(s.cfg.Exchange.IdleTimeout - time.Second)
		s.take(attacker(1), ping)
		synctest.Wait()
		s.mu.Lock()
		last := s.order.Back().Value.(*link).conn
		s.mu.Unlock()
		if last != first {
			t.Error("the ping counts as a request")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s.find(attacker(1), false) != nil {
			t.Error("the association is not idle")
		}
	})
}
