package history

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// otherProtocol is an attempt with another protocol, from host 1 of a network.
func otherProtocol(network int) store.Session {
	return store.Session{
		ID: fmt.Sprint(network), Started: time.Now(), Remote: fmt.Sprintf("10.%d.%d.1:7", network>>8, network&0xff), Transport: store.TransportDTLS,
		Stage: store.StageDatagram, Cause: store.CauseOtherProtocol, Proof: store.ProofNone,
	}
}

// counts returns how many records are kept, and how many of them are about networks.
func (d *diary) counts() (kept, networks int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.kept {
		if s.Network != "" {
			networks++
		}
	}
	return len(d.kept), networks
}

// Of other protocols 40 records are kept in 10 minutes, half of them of one network, and 10 more that are
// about networks.
func TestRecordsOfOtherProtocols(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		h := New(historyConfig(d, nil))
		own := func(n int, session func(i int) store.Session) (kept int) {
			for i := range n {
				if h.Refused(session(i)) {
					kept++
				}
			}
			return kept
		}
		ofOne := func(i int) store.Session {
			s := otherProtocol(1)
			s.ID, s.Remote = fmt.Sprint("one-", i), fmt.Sprintf("192.0.2.%d:7", i+1)
			return s
		}
		if n := own(100, ofOne); n != 20 {
			t.Errorf("%d records of their own are kept of one network, want 20", n)
		}
		if n := own(200, otherProtocol); n != 20 {
			t.Errorf("%d more are kept of others, want 20", n)
		}
		synctest.Wait()
		if kept, networks := d.counts(); networks != 10 || kept != 50 {
			t.Errorf("%d records are kept, %d of them about networks; want 50, 10", kept, networks)
		}
		time.Sleep(10*time.Minute - time.Nanosecond)
		again := func(i int) store.Session { return otherProtocol(1000 + i) }
		if n := own(100, again); n != 0 {
			t.Errorf("%d are kept within the 10 minutes", n)
		}
		time.Sleep(time.Nanosecond)
		if n := own(100, again); n != 40 {
			t.Errorf("%d are kept after 10 minutes, want 40", n)
		}
		h.Close()
	})
}

// A stuckDiary keeps nothing until it is released.
type stuckDiary struct {
	*diary
	released chan struct{}
}

func (d *stuckDiary) AppendSession(ctx context.Context, s store.Session) error {
	<-d.released
	return d.diary.AppendSession(ctx, s)
}

// 1,024 records wait for the disk; the next is counted. None of those that wait is lost.
func TestRecordsThatWaitForTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &stuckDiary{newDiary(), make(chan struct{})}
		cfg := historyConfig(d.diary, nil)
		cfg.Store = d
		h := New(cfg)
		refused := func(i int) bool {
			ep := lwm2m.EndpointName(fmt.Sprint("dev-", i))
			return h.Refused(store.Session{ID: string(ep), Endpoint: ep, Known: true, Proof: store.ProofIdentity, Cause: store.CauseDisabled, Started: time.Now()})
		}
		refused(0)
		synctest.Wait() // its write is under way
		for i := range 1024 {
			if !refused(1 + i) {
				t.Fatalf("record %d does not wait", i)
			}
		}
		if refused(1025) || h.Unrecorded() != 1 {
			t.Errorf("one more waits; %d are counted", h.Unrecorded())
		}
		close(d.released)
		h.Close()
		if len(d.kept) != 1025 {
			t.Errorf("%d are kept, want 1025", len(d.kept))
		}
	})
}
