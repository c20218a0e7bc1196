package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/store"
	"lwbs/store/bolt/pages"
)

// An index whose pages are damaged is made anew from the records: at the opening or, where the
// file was closed in order and it was not looked at, when a read comes to it.
func TestDamagedIndexIsMadeAnew(t *testing.T) {
	for _, closed := range []bool{true, false} {
		t.Run(fmt.Sprintf("closed in order %v", closed), func(t *testing.T) {
			s := newSpecimen(t, closed)
			file := filepath.Join(t.TempDir(), "x.db")
			if err := os.WriteFile(file, s.withoutIndexes(t), 0o600); err != nil {
				t.Fatal(err)
			}
			db, err := Open(file, s.keyring, Options{noSync: true})
			if err != nil {
				t.Fatal(err)
			}
			for ep := range s.devices {
				s.served(t, db, ep)
			}
			for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) { // a read asks for it
				sessions, err := db.Sessions(t.Context(), store.SessionQuery{Endpoint: "dev-001"})
				if err == nil && len(sessions) == 2 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%d sessions of a device are listed, want 2, error %v", len(sessions), err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if err := CheckFile(t.Context(), file, s.keyring); err != nil {
				t.Error(err)
			}
		})
	}
}

// Sessions that were on a damaged page leave nothing behind in the indexes, also where these
// are damaged, too.
func TestSessionsThatAreLost(t *testing.T) {
	s := newSpecimen(t, false)
	for name, b := range map[string][]byte{"sessions": bytes.Clone(s.bytes), "sessions and indexes": s.withoutIndexes(t)} {
		s.spoil(t, b, string(bucketSession), []byte("s000200"))
		file := filepath.Join(t.TempDir(), "x.db")
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		db, err := Open(file, s.keyring, Options{noSync: true})
		if err != nil {
			t.Fatal(err)
		}
		if parts := db.Unreadable(); len(parts) != 1 || parts[0].Bucket != store.KindSession {
			t.Errorf("%s: told to be unreadable are %v", name, parts)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := CheckFile(t.Context(), file, s.keyring); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// spoil fills the leaf of a key with noise.
func (s *specimen) spoil(t *testing.T, b []byte, bucket string, key []byte) {
	t.Helper()
	f, err := pages.Open(bytes.NewReader(s.bytes), int64(len(s.bytes)))
	if err != nil {
		t.Fatal(err)
	}
	tree, found, err := f.Buckets(s.meta).Bucket([]byte(bucket))
	if err != nil || !found {
		t.Fatal(err)
	}
	leaf, err := tree.Leaf(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range leaf {
		copy(s.page(b, int(page)), bytes.Repeat([]byte{0xa5}, s.size))
	}
}

// withoutIndexes returns the specimen with noise in the leaves of all indexes.
func (s *specimen) withoutIndexes(t *testing.T) []byte {
	t.Helper()
	b := bytes.Clone(s.bytes)
	f, err := pages.Open(bytes.NewReader(s.bytes), int64(len(s.bytes)))
	if err != nil {
		t.Fatal(err)
	}
	for name := range ofIndexes {
		tree, found, err := f.Buckets(s.meta).Bucket([]byte(name))
		if err != nil || !found {
			t.Fatal(err)
		}
		tree.Ascend(nil, func(k, _ []byte) bool {
			s.spoil(t, b, name, k)
			return true
		}, nil)
	}
	return b
}

// served waits until a device is found by its identity; meanwhile it is told that it cannot be.
func (s *specimen) served(t *testing.T, db *DB, ep string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		_, err := db.DeviceByIdentity(t.Context(), store.CredentialPSK, "id of "+ep)
		switch {
		case err == nil:
			return
		case !errors.Is(err, store.ErrCorrupt):
			t.Fatalf("%s is not found over %v", ep, err)
		case time.Now().After(end):
			t.Fatalf("%s is not served: %v", ep, err)
		}
	}
}

// An index that leads to another device is damaged: no device is taken for another.
func TestIndexLeadsToAnotherDevice(t *testing.T) {
	s := newSpecimen(t, true)
	file := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(file, s.bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := Open(file, s.keyring, Options{noSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	identity := "id of dev-001"
	if err := db.file.Internals().DB().Update(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketIdentity).Put(pair(string(store.CredentialPSK), identity), []byte("dev-002"))
	}); err != nil {
		t.Fatal(err)
	}
	if d, err := db.DeviceByIdentity(t.Context(), store.CredentialPSK, identity); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("device %q, error %v, want that it is damaged", d.Endpoint, err)
	}
}
