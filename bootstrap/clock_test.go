package bootstrap

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/clocktest"
	"lwbs/bootstrap/history"
	"lwbs/bootstrap/outcome"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A clock that was ahead leaves a history in the future. Sessions of now are kept behind
// it all the same: they are the newest, and the oldest of those go.
func TestHistoryFromTheFuture(t *testing.T) {
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{UnknownSessions: 5})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var ahead history.IDs
	for i := range 5 {
		at := time.Now().AddDate(30, 0, i)
		if err := db.AppendSession(t.Context(), store.Session{ID: ahead.Next(at), Identity: fmt.Sprint("ahead ", i), Started: at, Cause: store.CauseIdentityUnknown}); err != nil {
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

// The record of a session tells how long it took.
func TestEndWhileTheClockIsSet(t *testing.T) {
	for _, jump := range clocktest.Jumps {
		started := clocktest.Set(time.Now(), jump)
		if took := outcome.EndOf(started).Round(0).Sub(started.Round(0)); took < 0 || took > time.Minute {
			t.Errorf("after a jump of %v a session took %v", jump, took)
		}
	}
}
