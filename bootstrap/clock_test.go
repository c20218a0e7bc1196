package bootstrap

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unsafe"

	"lwbs/store"
	"lwbs/store/bolt"
)

// set is t as the clock of the system would tell it that somebody has set by d: the time of
// day is another, the monotonic reading is not.
func set(t time.Time, d time.Duration) time.Time {
	*(*uint64)(unsafe.Pointer(&t)) += uint64(d/time.Second) << 30 // seconds of a time with a monotonic reading
	return t
}

func TestSet(t *testing.T) {
	now := time.Now()
	if later := set(now, time.Hour); later.Sub(now) != 0 || later.Round(0).Sub(now.Round(0)) != time.Hour {
		t.Errorf("%v was set to %v", now, later)
	}
}

// jumps of the clock: an NTP server that is reached at last, a battery that is empty.
var jumps = []time.Duration{0, time.Hour, -time.Hour, 24 * 365 * 20 * time.Hour, -24 * 365 * 20 * time.Hour}

// IDs go up, whatever the clock does, and after a restart too.
func TestSessionIDsGoUp(t *testing.T) {
	now := time.Now()
	var made []string
	for range 3 {
		var ids sessionIDs // of a server that was started again
		if len(made) > 0 {
			ids.after(made[len(made)-1])
		}
		for _, jump := range jumps {
			made = append(made, ids.next(set(now, jump)), ids.next(set(now, jump)))
		}
	}
	if !slices.IsSorted(made) || len(slices.Compact(made)) != 30 {
		t.Errorf("the IDs are %v", made)
	}
}

// What is no ID of ours does not make IDs run out.
func TestSessionIDsAfterOthers(t *testing.T) {
	for _, id := range []string{"", "000001", "vvvvvvvvvvvvvvvv", "not an ID at all"} {
		var ids sessionIDs
		ids.after(id)
		if want := new(sessionIDs).next(time.Now()); ids.next(time.Now())[:6] != want[:6] {
			t.Errorf("after %q comes another ID than %s", id, want)
		}
	}
}

// A clock that was ahead leaves a history in the future. Sessions of now are kept behind
// it all the same: they are the newest, and the oldest of those go.
func TestHistoryFromTheFuture(t *testing.T) {
	k, err := store.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{StrangerSessions: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var ahead sessionIDs
	for i := range 5 {
		at := time.Now().AddDate(30, 0, i)
		if err := db.AppendSession(t.Context(), store.Session{ID: ahead.next(at), Identity: fmt.Sprint("ahead ", i), Started: at, Cause: store.CauseIdentityUnknown}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		srv, err := NewServer(Config{Store: db})
		if err != nil {
			t.Fatal(err)
		}
		srv.HandshakeFailed(Handshake{Started: time.Now(), Remote: "192.0.2.1:1", Identity: fmt.Sprint("now ", i)})
		if err := srv.Close(); err != nil {
			t.Fatal(err)
		}
	}
	page, err := db.Sessions(t.Context(), store.SessionQuery{})
	if err != nil {
		t.Fatal(err)
	}
	var who []string
	for _, s := range page {
		who = append(who, s.Identity)
	}
	if want := []string{"now 2", "now 1", "now 0", "ahead 4", "ahead 3"}; !slices.Equal(who, want) {
		t.Errorf("the history has %q, want %q", who, want)
	}
}

// The loop guard counts by the time that passed, not by the clock.
func TestLoopGuardWhileTheClockIsSet(t *testing.T) {
	for _, jump := range jumps {
		g, now := newLoopGuard(2, time.Minute), time.Now()
		got := []bool{
			g.start("dev", now), g.start("dev", now.Add(time.Second)),
			g.start("dev", set(now.Add(2*time.Second), jump)),
			g.start("dev", set(now.Add(2*time.Minute), jump)),
		}
		if want := []bool{true, true, false, true}; !slices.Equal(got, want) {
			t.Errorf("after a jump of %v: %v, want %v", jump, got, want)
		}
	}
}

// A streak lasts as long as it should, and its record ends after it began.
func TestStreakWhileTheClockIsSet(t *testing.T) {
	for _, jump := range jumps {
		all, now := newStreaks(), time.Now()
		all.open("dev", store.Session{ID: "1", Endpoint: "dev", Cause: store.CauseKeyDiffers, Started: now, Ended: now}, time.Hour)
		at := set(now.Add(time.Minute), jump)
		if !all.repeat("dev", store.Session{ID: "2", Endpoint: "dev", Cause: store.CauseKeyDiffers, Started: at, Ended: at.Add(time.Second)}) {
			t.Errorf("after a jump of %v another streak begins", jump)
		}
		kept := all.due(set(now.Add(2*time.Minute), jump))
		if len(kept) != 1 {
			t.Fatalf("after a jump of %v %d records are to be kept", jump, len(kept))
		}
		if took := kept[0].Ended.Round(0).Sub(kept[0].Started.Round(0)); took != 61*time.Second {
			t.Errorf("after a jump of %v the record is about %v", jump, took)
		}
		if all.repeat("dev", store.Session{Endpoint: "dev", Cause: store.CauseKeyDiffers, Started: set(now.Add(2*time.Hour), jump)}) {
			t.Errorf("after a jump of %v the streak goes on for ever", jump)
		}
	}
}

// The record of a session tells how long it took.
func TestEndWhileTheClockIsSet(t *testing.T) {
	for _, jump := range jumps {
		started := set(time.Now(), jump)
		if took := endOf(started).Round(0).Sub(started.Round(0)); took < 0 || took > time.Minute {
			t.Errorf("after a jump of %v a session took %v", jump, took)
		}
	}
}

// A quota lets go after a minute, by the time that passed.
func TestQuotaWhileTheClockIsSet(t *testing.T) {
	for _, jump := range jumps {
		q, now := &quota{limit: 1}, time.Now()
		got := []bool{q.take("", now), q.take("", set(now.Add(time.Second), jump)), q.take("", set(now.Add(61*time.Second), jump))}
		if want := []bool{true, false, true}; !slices.Equal(got, want) {
			t.Errorf("after a jump of %v: %v, want %v", jump, got, want)
		}
	}
}
