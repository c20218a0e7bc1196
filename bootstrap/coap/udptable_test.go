package coap

import (
	"context"
	"errors"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// Peers that do not answer, as they have forged their addresses, keep nobody out for longer than
// answers take; one that has answered stays.
func TestUnansweredPeersGiveWay(t *testing.T) {
	s := newTestTable(t)
	s.hub.cfg.MaxPeers, s.hub.cfg.Strangers.PeersPerAddress = 3*evictionTries, 3*evictionTries
	device := s.conn(attacker(0))
	device.deliver(forgedRequest(t, 1, nil))
	s.settle()
	device.prove() // and has business all the time
	for i := 1; i < 3*evictionTries; i++ {
		s.conn(attacker(i)).deliver(forgedRequest(t, 1, nil))
	}
	s.settle()
	if c, why := s.admit(attacker(1000), toll{}); c != nil {
		t.Fatalf("a peer made room that has just asked: %v", why)
	}
	for c := range s.hub.conns {
		c.mu.Lock()
		c.asked = c.asked.Add(-answerPatience)
		c.mu.Unlock()
	}
	for i := range 10 * evictionTries {
		s.conn(attacker(1000 + i)).deliver(forgedRequest(t, 1, nil))
		s.settle()
		for c := range s.hub.conns {
			c.mu.Lock()
			c.asked = c.asked.Add(-answerPatience)
			c.mu.Unlock()
		}
	}
	if device.ctx.Err() != nil {
		t.Error("a peer that had answered had to go")
	}
}

// While a request waits for a first answer it takes no place at the desk from others.
func TestUnansweredPeersDoNotHoldTheDesk(t *testing.T) {
	d := newDesk(func(f func()) bool { go f(); return true })
	waiting, ended := make(chan struct{}), make(chan struct{})
	d.mu.Lock()
	d.pace = pace{next: time.Now().Add(time.Hour), late: true}
	d.underWay = alwaysAttended - 1
	d.mu.Unlock()
	d.attend(func() { defer d.lend()(); waiting <- struct{}{}; <-ended })
	<-waiting
	done := make(chan lwm2m.Code, 1)
	d.attend(func() { done <- lwm2m.CodeChanged })
	select {
	case <-done:
	case <-time.After(patience):
		t.Error("the next request waits for one that is not answered")
	}
	close(ended)
}

// What goes on with a peer that makes room ends for that reason.
func TestWhoMakesRoomIsToldWhy(t *testing.T) {
	s := newTestTable(t)
	s.hub.cfg.MaxPeers = 1
	first := s.conn(attacker(0))
	first.deliver(forgedRequest(t, 1, nil))
	s.settle()
	first.mu.Lock()
	first.asked = first.asked.Add(-answerPatience)
	first.mu.Unlock()
	s.conn(attacker(1))
	<-first.Done()
	if why := context.Cause(first.ctx); !errors.Is(why, bootstrap.ErrBusy) {
		t.Errorf("it ends with %v", why)
	}
}

// The time in which a request waited at the desk does not count against its peer.
func TestWaitingAtTheDeskIsNoSilence(t *testing.T) {
	s := newTestTable(t)
	waiting := make(chan func(), 1)
	s.hub.attend = func(f func()) bool { waiting <- f; return true }
	c := s.conn(attacker(0))
	c.deliver(forgedRequest(t, 1, nil))
	handle := <-waiting
	came := time.Now()
	go handle()
	asked := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.calls > 0 && !c.asked.IsZero()
	}
	for deadline := came.Add(patience); !asked(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the peer is not asked")
		}
	}
	if c.givesWay(came.Add(answerPatience - time.Nanosecond)) {
		t.Error("it gives way before it had answerPatience to answer")
	}
	if !c.givesWay(time.Now().Add(answerPatience)) {
		t.Error("it never gives way")
	}
}
