package bolt_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lwbs/store"
	"lwbs/store/bolt"
)

// These tests measure what docs/operations.md says of the defaults.

// openQuick opens a database with the defaults, whose edits do not wait for the disk.
func openQuick(t *testing.T) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring(t), bolt.Options{}.WithoutSync())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// appendAll keeps n sessions, many in one transaction.
func appendAll(t *testing.T, db *bolt.DB, n int, session func(i int) store.Session) {
	t.Helper()
	next := make(chan int)
	errs := make(chan error, 256)
	var writers sync.WaitGroup
	for range cap(errs) {
		writers.Go(func() {
			for i := range next {
				s := session(i)
				s.ID, s.Started = fmt.Sprintf("%016d", i), time.Now()
				if err := db.AppendSession(t.Context(), s); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
		case err := <-errs:
			t.Fatal(err)
		}
	}
	close(next)
	writers.Wait()
}

// One device has 20 sessions that it has proved, 20 over plain CoAP that it has answered, and 8 attempts
// that prove nothing.
func TestHistoryOfOneDeviceByDefault(t *testing.T) {
	db := openQuick(t)
	put(t, db, 1)
	kinds := []struct {
		transport string
		proof     store.Proof
		want      int
	}{
		{store.TransportDTLS, store.ProofIdentity, 20},
		{store.TransportPlain, store.ProofAddress, 20},
		{store.TransportDTLS, store.ProofNone, 8},
	}
	appendAll(t, db, 3*50, func(i int) store.Session {
		k := kinds[i%3]
		return store.Session{Endpoint: "dev-0", Known: true, Transport: k.transport, Proof: k.proof, Cause: store.CauseDone}
	})
	page, err := db.Sessions(t.Context(), store.SessionQuery{Endpoint: "dev-0", Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds {
		n := 0
		for _, s := range page {
			if s.Transport == k.transport && s.Proof == k.proof {
				n++
			}
		}
		if n != k.want {
			t.Errorf("of 50 over %s with proof %q %d are kept, want %d", k.transport, k.proof, n, k.want)
		}
	}
}

// There are 1,000 groups.
func TestGroupsByDefault(t *testing.T) {
	db := openQuick(t)
	put(t, db, 0)
	group := func(i int) store.Group { return store.Group{Name: fmt.Sprintf("group-%04d", i), Profile: "p"} }
	for i := range 1000 {
		if _, err := db.PutGroup(t.Context(), group(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.PutGroup(t.Context(), group(1000)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("one more: %v", err)
	}
}
