package bolt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lwbs/lwm2m"
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

// Of unknown devices 10,000 attempts are kept.
func TestHistoryOfUnknownDevicesByDefault(t *testing.T) {
	db := openQuick(t)
	appendAll(t, db, 10_010, func(i int) store.Session {
		return store.Session{Identity: fmt.Sprint("unknown-", i), Transport: store.TransportDTLS, Proof: store.ProofNone, Cause: store.CauseIdentityUnknown}
	})
	stats, err := db.Stats(t.Context())
	if err != nil || stats.Sessions != 10_000 {
		t.Errorf("%d are kept, %v", stats.Sessions, err)
	}
}

// 200,000 associations are kept; the one heard of least recently makes room.
func TestAssociationsByDefault(t *testing.T) {
	db := openQuick(t)
	if _, _, err := db.ResumeAssociations(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	association := func(i int) store.Association {
		a := store.Association{AssociationKey: store.AssociationKey{Heard: began.Add(time.Duration(i) * time.Millisecond)}, State: lwm2m.NewSecret([]byte{1})}
		binary.BigEndian.PutUint64(a.ID[:], uint64(i))
		return a
	}
	const most, batch = 200_000, 10_000
	for i := 0; i < most; i += batch {
		rows := make([]store.Association, batch)
		for j := range rows {
			rows[j] = association(i + j)
		}
		if err := db.KeepAssociations(t.Context(), rows, nil); err != nil {
			t.Fatal(err)
		}
	}
	oldest := func() int {
		page, err := db.Associations(t.Context(), store.AssociationKey{Heard: began.Add(2 * time.Millisecond)}, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(page)
	}
	if n := oldest(); n != 2 {
		t.Errorf("of the first two %d are kept", n)
	}
	if err := db.KeepAssociations(t.Context(), []store.Association{association(most)}, nil); err != nil {
		t.Fatal(err)
	}
	if n := oldest(); n != 1 {
		t.Errorf("after one more %d of the first two are kept, want 1", n)
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
