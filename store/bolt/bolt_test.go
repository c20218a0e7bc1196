package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
	"lwbs/store/storetest"
)

func keyring(t testing.TB) *seal.Keyring {
	t.Helper()
	k, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func open(t testing.TB, file string, k *seal.Keyring, opts bolt.Options) *bolt.DB {
	t.Helper()
	db, err := bolt.Open(file, k, opts)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// checked checks the database when the test ends.
type checked struct {
	*bolt.DB
	t    *testing.T
	file string
	key  *seal.Keyring
}

func (c checked) Close() error {
	if err := c.Check(c.t.Context()); err != nil && !errors.Is(err, store.ErrClosed) {
		c.t.Errorf("check: %v", err)
	}
	return c.DB.Close()
}

// backend is what the suites run with.
func backend() storetest.Backend {
	opts := bolt.Options{
		SessionsPerDevice: storetest.SessionsPerDevice, Sessions: storetest.Sessions,
		UnprovedPerDevice: storetest.UnprovedPerDevice, UnprovedSessions: storetest.UnprovedSessions,
		UnknownSessions: storetest.UnknownSessions, Associations: storetest.Associations,
		Messages: storetest.Messages, EventsOfReceiver: storetest.EventsOfReceiver, DeadLetters: storetest.DeadLetters, AuditEntries: storetest.AuditEntries,
	}
	return storetest.Backend{
		Open: func(t *testing.T) store.Store {
			file, k := filepath.Join(t.TempDir(), "x.db"), keyring(t)
			return checked{open(t, file, k, opts), t, file, k}
		},
		Reopen: func(t *testing.T, closed store.Store) store.Store {
			c := closed.(checked)
			c.DB = open(t, c.file, c.key, opts)
			return c
		},
	}
}

func TestSuite(t *testing.T) { storetest.Run(t, backend()) }

func TestAssociationSuite(t *testing.T) { storetest.RunAssociations(t, backend()) }

// put adds a profile and n devices, each with a key of its own.
func put(t testing.TB, db *bolt.DB, n int) {
	t.Helper()
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "p"}); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := db.PutDevice(t.Context(), device(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func device(i int) store.Device {
	return store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("dev-%d", i)), Profile: "p", Tags: []string{"t"}, Credentials: []store.Credential{{
		Kind: store.CredentialPSK, Identity: fmt.Sprintf("id-%d", i), Key: lwm2m.NewSecret(fmt.Appendf(nil, "very-secret-key-%d", i)),
	}}}
}

func TestLocked(t *testing.T) {
	file, k := filepath.Join(t.TempDir(), "x.db"), keyring(t)
	defer open(t, file, k, bolt.Options{}).Close()
	_, err := bolt.Open(file, k, bolt.Options{LockTimeout: 10e6})
	if !errors.Is(err, store.ErrLocked) {
		t.Errorf("error %v, want %v", err, store.ErrLocked)
	}
}

func TestOtherKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	open(t, file, keyring(t), bolt.Options{}).Close()
	if _, err := bolt.Open(file, keyring(t), bolt.Options{}); !errors.Is(err, store.ErrNoKey) {
		t.Errorf("error %v, want %v", err, store.ErrNoKey)
	}
}

// tamper changes the file behind the DB's back.
func tamper(t *testing.T, file string, change func(*bbolt.Tx) error) {
	t.Helper()
	b, err := bbolt.Open(file, 0o600, &bbolt.Options{NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if err := b.Update(change); err != nil {
		t.Fatal(err)
	}
}

func TestNewerSchema(t *testing.T) {
	file, k := filepath.Join(t.TempDir(), "x.db"), keyring(t)
	open(t, file, k, bolt.Options{}).Close()
	tamper(t, file, func(tx *bbolt.Tx) error { return tx.Bucket([]byte("meta")).Put([]byte("schema"), []byte("99")) })
	if _, err := bolt.Open(file, k, bolt.Options{}); !errors.Is(err, store.ErrSchema) || !strings.Contains(err.Error(), "99") {
		t.Errorf("error %v, want %v and the number", err, store.ErrSchema)
	}
}

// A file that is no database is refused, and left as it is.
func TestNoDatabase(t *testing.T) {
	for name, content := range map[string][]byte{"something else": bytes.Repeat([]byte("no database "), 2000), "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "x.db")
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := bolt.Open(file, keyring(t), bolt.Options{}); !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("error %v, want %v", err, store.ErrCorrupt)
			}
			if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, content) {
				t.Errorf("the file has %d bytes now, error %v", len(after), err)
			}
		})
	}
}

// What cannot be made is told in one line.
func TestNoFolder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing", "x.db")
	_, err := bolt.Open(missing, keyring(t), bolt.Options{})
	wantOneLine(t, "a database", err)
	wantOneLine(t, "a backup", open(t, filepath.Join(t.TempDir(), "x.db"), keyring(t), bolt.Options{}).Backup(t.Context(), missing))
}

func wantOneLine(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: error %q, want one line of %v", what, err, fs.ErrNotExist)
	}
}

func TestCheckFindsDamage(t *testing.T) {
	tests := []struct {
		name   string
		damage func(*bbolt.Tx) error
		want   string
	}{
		{"identity lost", func(tx *bbolt.Tx) error { return tx.Bucket([]byte("identity")).Delete([]byte("psk\x00id-1")) }, "index identity lacks 1 of 3"},
		{"identity too many", func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("identity")).Put([]byte("psk\x00ghost"), []byte("dev-1"))
		}, "index identity has"},
		{"tag lost", func(tx *bbolt.Tx) error { return tx.Bucket([]byte("device_tag")).Delete([]byte("t\x00dev-2")) }, "index device_tag lacks"},
		{"record cut", func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("device"))
			v := bytes.Clone(b.Get([]byte("dev-1")))
			return b.Put([]byte("dev-1"), v[:len(v)/2])
		}, `device "dev-1"`},
		{"record moved", func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("device"))
			return b.Put([]byte("dev-9"), bytes.Clone(b.Get([]byte("dev-1"))))
		}, `device "dev-9"`},
		{"profile lost", func(tx *bbolt.Tx) error { return tx.Bucket([]byte("profile")).Delete([]byte("p")) }, `its profile "p" is missing`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file, k := filepath.Join(t.TempDir(), "x.db"), keyring(t)
			db := open(t, file, k, bolt.Options{})
			put(t, db, 3)
			if err := db.Check(t.Context()); err != nil {
				t.Fatalf("before the damage: %v", err)
			}
			db.Close()
			tamper(t, file, tt.damage)
			db = open(t, file, k, bolt.Options{})
			defer db.Close()
			if err := db.Check(t.Context()); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("check says %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSecretsAreSealed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	db := open(t, file, keyring(t), bolt.Options{})
	put(t, db, 20)
	db.Close()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(raw, []byte("dev-7")) {
		t.Fatal("the file does not have the records")
	}
	if bytes.Contains(raw, []byte("very-secret-key")) {
		t.Error("the file has a key in the clear")
	}
}

func TestBackup(t *testing.T) {
	dir, k := t.TempDir(), keyring(t)
	db := open(t, filepath.Join(dir, "x.db"), k, bolt.Options{})
	defer db.Close()
	put(t, db, 30)
	if err := db.DeleteDevice(t.Context(), "dev-13", 0); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, "copy.db")
	if err := db.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if err := db.Backup(t.Context(), copied); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second backup to the same file: error %v, want %v", err, fs.ErrExist)
	}
	raw, err := os.ReadFile(copied)
	if err != nil || bytes.Contains(raw, []byte("dev-13")) {
		t.Errorf("the copy has a trace of a deleted record (error: %v)", err)
	}
	again := open(t, copied, k, bolt.Options{})
	defer again.Close()
	if err := again.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if page, err := again.Devices(t.Context(), store.DeviceQuery{}); err != nil || len(page) != 29 {
		t.Errorf("the copy has %d devices, error %v", len(page), err)
	}
}

func TestFull(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), keyring(t), bolt.Options{MaxSize: 8 << 20})
	defer db.Close()
	put(t, db, 1)
	big := device(2)
	value := strings.Repeat("x", store.MaxValue)
	big.Vars = map[string]string{"a": value, "b": value, "c": value}
	var err error
	for i := range 400 {
		big.Endpoint = lwm2m.EndpointName(fmt.Sprintf("big-%d", i))
		big.Credentials = nil
		if _, err = db.PutDevice(t.Context(), big); err != nil {
			break
		}
	}
	if !errors.Is(err, store.ErrFull) {
		t.Fatalf("error %v, want %v", err, store.ErrFull)
	}
	if _, err := db.Device(t.Context(), big.Endpoint); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the edit that failed left a trace: %v", err)
	}
	if _, err := db.PutDevice(t.Context(), device(3)); err != nil {
		t.Errorf("a small edit after that: %v", err)
	}
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkPutDevice(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "x.db"), keyring(b), bolt.Options{})
	defer db.Close()
	put(b, db, 0)
	i := 0
	for b.Loop() {
		i++
		if _, err := db.PutDevice(b.Context(), device(i)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDeviceByIdentity(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "x.db"), keyring(b), bolt.Options{})
	defer db.Close()
	put(b, db, 1000)
	for b.Loop() {
		if _, err := db.DeviceByIdentity(b.Context(), store.CredentialPSK, "id-500"); err != nil {
			b.Fatal(err)
		}
	}
}
