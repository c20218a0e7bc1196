package bolt

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/store"
)

// A crash between the cutting off of lost sessions and the mending of the indexes leaves entries
// without a session: the next opening removes them.
func TestHealingThatWasInterrupted(t *testing.T) {
	keyring, err := store.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "db")
	db, err := Open(file, keyring, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"1", "2", "3"} {
		if err := db.AppendSession(context.Background(), store.Session{ID: id, Endpoint: "dev", Identity: "id", Known: true, Proof: store.ProofIdentity, Remote: "192.0.2.1:1", Transport: "coaps", Cause: store.CauseDone}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.markHealing(true); err != nil {
		t.Fatal(err)
	}
	if err := db.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketSession).Delete([]byte("2")) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "which no record does") {
		t.Fatalf("what the crash left is not noticed: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if db, err = Open(file, keyring, Options{}); err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Check(context.Background()); err != nil {
		t.Errorf("after the next opening: %v", err)
	}
	if db.isHealing() {
		t.Error("the mark of it stays")
	}
	if sessions, err := db.Sessions(context.Background(), store.SessionQuery{Endpoint: "dev"}); err != nil || len(sessions) != 2 {
		t.Errorf("%d sessions, error %v", len(sessions), err)
	}
}
