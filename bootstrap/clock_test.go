package bootstrap

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/clocktest"
	"lwbs/store"
	"lwbs/store/bolt"
)

// IDs go up, whatever the clock does, and after a restart too.
func TestSessionIDsGoUp(t *testing.T) {
	now := time.Now()
	var made []string
	for range 3 {
		var ids sessionIDs // of a server that was started again
		if len(made) > 0 {
			ids.after(made[len(made)-1])
		}
		for _, jump := range clocktest.Jumps {
			made = append(made, ids.next(clocktest.Set(now, jump)), ids.next(clocktest.Set(now, jump)))
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
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{UnknownSessions: 5})
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
		srv.HandshakeFailed(auth.Handshake{Started: time.Now(), Remote: "192.0.2.1:1", Identity: fmt.Sprint("now ", i)})
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
	for _, jump := range clocktest.Jumps {
		g, now := newLoopGuard(2, time.Minute), time.Now()
		got := []bool{
			g.start("dev", now), g.start("dev", now.Add(time.Second)),
			g.start("dev", clocktest.Set(now.Add(2*time.Second), jump)),
			g.start("dev", clocktest.Set(now.Add(2*time.Minute), jump)),
		}
		if want := []bool{true, true, false, true}; !slices.Equal(got, want) {
			t.Errorf("after a jump of %v: %v, want %v", jump, got, want)
		}
	}
}

// The record of a session tells how long it took.
func TestEndWhileTheClockIsSet(t *testing.T) {
	for _, jump := range clocktest.Jumps {
		started := clocktest.Set(time.Now(), jump)
		if took := endOf(started).Round(0).Sub(started.Round(0)); took < 0 || took > time.Minute {
			t.Errorf("after a jump of %v a session took %v", jump, took)
		}
	}
}
