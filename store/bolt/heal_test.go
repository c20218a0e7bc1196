package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/dbfile"
	"lwbs/store/seal"
)

// A crash between the cutting off of lost sessions and the mending of the indexes leaves entries
// without a session: the next opening removes them.
func TestHealingThatWasInterrupted(t *testing.T) {
	keyring, err := seal.NewKeyring()
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
	if err := db.file.Internals().DB().Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketSession).Delete([]byte("2")) }); err != nil {
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

// Pages of indexes that are damaged one after the other cost no edit. A disk that goes on failing
// has edits fail in place of keeping them waiting all the time.
func TestPagesAreDamagedOneAfterTheOther(t *testing.T) {
	s := newSpecimen(t, true)
	file := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(file, s.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		db, err := Open(file, s.keyring, Options{SessionsPerDevice: 2, noSync: true})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		spoiled := func() error {
			n++
			d, err := db.Device(t.Context(), "dev-001")
			if err != nil {
				return err
			}
			if n%2 == 0 {
				spoilRunning(t, db, bucketDeviceProfile, pair(d.Profile, "dev-001"))
			} else {
				spoilRunning(t, db, bucketIdentity, pair(string(store.CredentialPSK), d.Credentials[0].Identity))
			}
			d.Profile = "pq"[n%2 : n%2+1]
			d.Credentials[0].Identity = fmt.Sprint("id of dev-001-", n)
			_, err = db.PutDevice(t.Context(), d)
			return err
		}
		for range dbfile.HealBurst {
			if err := spoiled(); err != nil {
				t.Fatalf("edit %d: %v", n, err)
			}
		}
		if err := spoiled(); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("edit %d: %v, want that it is damaged", n, err)
		}
		time.Sleep(dbfile.HealEvery)
		if err := spoiled(); err != nil {
			t.Errorf("a minute later: %v", err)
		}
		if err := db.Check(t.Context()); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// spoilRunning fills the leaf of a key with noise while the database is open.
func spoilRunning(t *testing.T, db *DB, bucket, key []byte) {
	t.Helper()
	in := db.file.Internals()
	err := db.look(func(tx *transaction) error {
		tree, err := tx.Tree(string(bucket))
		if err != nil {
			return err
		}
		leaf, err := tree.Leaf(key)
		for _, page := range leaf {
			_, failed := in.File().WriteAt(bytes.Repeat([]byte{0xa5}, in.PageSize()), int64(page)*int64(in.PageSize()))
			err = errors.Join(err, failed)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
