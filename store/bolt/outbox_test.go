package bolt_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// withMessages makes a database in which two messages wait, and one is a dead letter.
func withMessages(t *testing.T, file string, k *seal.Keyring) {
	t.Helper()
	db := open(t, file, k, bolt.Options{})
	defer db.Close()
	if _, err := db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "hook", Kind: store.KindCommand, Address: "/hook", Events: []store.EventType{store.EventExpiring}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := db.AppendEvent(t.Context(), store.Event{Type: store.EventExpiring, Endpoint: "dev", At: time.Now(), Data: "very-secret-text"}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := db.Message(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	m.Dead, m.Error = time.Now(), "it refuses"
	if err := db.PutMessage(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func idsOf(t *testing.T, db *bolt.DB, dead bool) (ids []store.MessageID) {
	t.Helper()
	all, err := db.Messages(t.Context(), store.MessageQuery{Dead: dead})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.Body.Len() == 0 {
			t.Errorf("message %v is empty", m.ID)
		}
		ids = append(ids, m.ID)
	}
	return ids
}

// What messages say is sealed. A backup and a salvaged database have them, and number the next ones behind them.
func TestMessagesAreKept(t *testing.T) {
	k, file := keyring(t), filepath.Join(t.TempDir(), "x.db")
	withMessages(t, file, k)
	if raw, err := os.ReadFile(file); err != nil || bytes.Contains(raw, []byte("very-secret")) {
		t.Errorf("the file has what a message says in the clear: %v", err)
	}
	backup, salvaged := filepath.Join(t.TempDir(), "backup.db"), filepath.Join(t.TempDir(), "salvaged.db")
	db := open(t, file, k, bolt.Options{})
	if err := db.Backup(t.Context(), backup); err != nil {
		t.Fatal(err)
	}
	db.Close()
	if _, err := bolt.SalvageFile(t.Context(), file, salvaged, k); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, backup, salvaged} {
		db := open(t, name, k, bolt.Options{})
		if waiting, dead := idsOf(t, db, false), idsOf(t, db, true); !slices.Equal(waiting, []store.MessageID{1, 3}) || !slices.Equal(dead, []store.MessageID{2}) {
			t.Errorf("%s: %v wait, %v are dead", name, waiting, dead)
		}
		again, err := db.RequeueMessage(t.Context(), 2)
		if err != nil || again.ID != 4 {
			t.Errorf("%s: queued again as %+v, %v", name, again, err)
		}
		if err := db.Check(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		db.Close()
	}
}

// A damaged message is found by check, left out of lists, can be removed, and stops nothing else; so does a
// wrong count.
func TestDamagedMessages(t *testing.T) {
	k := keyring(t)
	key := append([]byte("hook\x00"), 0, 0, 0, 0, 0, 0, 0, 1)
	for name, change := range map[string]func(tx *bbolt.Tx) error{
		"a message": func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("outbox"))
			return b.Put(key, bytes.Replace(b.Get(key), []byte("expiring"), []byte("expirinG"), 1))
		},
		"its place": func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("outbox"))
			row := slices.Clone(b.Get(key))
			return errors.Join(b.Delete(key), b.Put(append([]byte("hook\x00"), 0, 0, 0, 0, 0, 0, 0, 9), row))
		},
		"a count": func(tx *bbolt.Tx) error { return tx.Bucket([]byte("outbox_count")).Put([]byte("hook"), []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.db")
			withMessages(t, file, k)
			tamper(t, file, change)
			if err := bolt.CheckFile(t.Context(), file, k); err == nil || !strings.Contains(err.Error(), "outbox") {
				t.Errorf("check tells %v", err)
			}
			db := open(t, file, k, bolt.Options{})
			defer db.Close()
			if waiting := idsOf(t, db, false); !slices.Contains(waiting, 3) {
				t.Errorf("%v wait", waiting)
			}
			if _, err := db.AppendEvent(t.Context(), store.Event{Type: store.EventExpiring, At: time.Now(), Data: "another"}); err != nil {
				t.Error(err)
			}
			for _, id := range []store.MessageID{1, 3} {
				if err := db.DeleteMessage(t.Context(), id); err != nil && !(name == "its place" && id == 1) {
					t.Errorf("delete %v: %v", id, err)
				}
			}
		})
	}
}

// The outbox takes so many bytes, and a message no more than 16 KiB; removals are refused then, and events are
// lost.
func TestBytesOfTheOutbox(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), keyring(t), bolt.Options{MessageBytes: 64 << 10})
	defer db.Close()
	put(t, db, 0)
	for _, name := range []string{"hook", "dm"} {
		if _, err := db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: name, Kind: store.KindCommand, Address: "/hook"}); err != nil {
			t.Fatal(err)
		}
	}
	send := func(bytes int) (n int) {
		n, err := db.AppendEvent(t.Context(), store.Event{Type: store.EventExpiring, At: time.Now(), Data: strings.Repeat("x", bytes), Receiver: "hook"})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if send(store.MaxMessage) != 0 {
		t.Error("a message that is too long is kept")
	}
	taken := 0
	for range 20 {
		taken += send(8 << 10)
	}
	counts, err := db.OutboxCounts(t.Context())
	if err != nil || taken < 4 || taken > 6 || counts[0].Bytes > 64<<10 || counts[0].Lost != uint64(21-taken) {
		t.Errorf("%d are taken, counts %+v, %v", taken, counts, err)
	}
	d := device(1)
	d.Note = strings.Repeat("x", 100)
	d.HandedOver = []store.HandedOver{{Server: "dm", Account: "a", Endpoint: lwm2m.EndpointName(strings.Repeat("n", 255)), Identity: strings.Repeat("i", 128), At: time.Now()}}
	if _, err := db.PutDevice(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	for send(512) == 1 {
	}
	if err := db.DeleteDevice(t.Context(), d.Endpoint, 0); !errors.Is(err, store.ErrOutboxFull) || !strings.Contains(err.Error(), "lwbs lwm2m-server set dm --on-delete keep") {
		t.Errorf("while it is full: %v", err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}
