package bolt_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// withServer makes a database with an LwM2M Server, which a profile names.
func withServer(t *testing.T, file string, k *seal.Keyring) {
	t.Helper()
	db := open(t, file, k, bolt.Options{})
	defer db.Close()
	_, err := db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "dm", Kind: store.KindThingsBoard, Address: "https://dm.example", Secret: lwm2m.NewSecret([]byte("very-secret-api-key")),
		Headers: map[string]lwm2m.Secret{"X-Token": lwm2m.NewSecret([]byte("very-secret-token"))}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://dm.example", ShortServerID: 101, HandOver: "dm"}}}); err != nil {
		t.Fatal(err)
	}
}

func TestSecretsOfLwM2MServersAreSealed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	withServer(t, file, keyring(t))
	raw, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(raw, []byte("https://dm.example")) || bytes.Contains(raw, []byte("very-secret")) {
		t.Errorf("the file has a secret in the clear, or not the server: %v", err)
	}
}

// A damaged LwM2M Server is found by check, told as lost by salvage, and can be put again in both.
func TestLwM2MServersAreSalvaged(t *testing.T) {
	k := keyring(t)
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	for name, tt := range map[string]struct {
		change func([]byte) []byte // of its row; nil removes it
		found  string              // by check
		kept   int
	}{
		"whole":         {slices.Clone[[]byte], "", 1},
		"cut":           {cut, `lwm2m_server "dm"`, 0},
		"another value": {func(b []byte) []byte { return bytes.Replace(b, []byte("dm.example"), []byte("mm.example"), 1) }, `lwm2m_server "dm"`, 0},
		"empty":         {func([]byte) []byte { return nil }, `lwm2m_server "dm"`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			file, fresh := filepath.Join(t.TempDir(), "x.db"), filepath.Join(t.TempDir(), "fresh.db")
			withServer(t, file, k)
			tamper(t, file, func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte(store.KindLwM2MServer))
				return b.Put([]byte("dm"), tt.change(slices.Clone(b.Get([]byte("dm")))))
			})
			if err := bolt.CheckFile(t.Context(), file, k); (err == nil) != (tt.found == "") || err != nil && !strings.Contains(strings.ToLower(err.Error()), tt.found) {
				t.Errorf("check tells %v", err)
			}
			report, err := bolt.SalvageFile(t.Context(), file, fresh, k)
			if err != nil {
				t.Fatal(err)
			}
			if report.Servers.Kept != tt.kept || report.Profiles.Kept != 1 || slices.Contains(report.Servers.Lost, "dm") != (tt.kept == 0) {
				t.Errorf("the report is %+v", report)
			}
			for _, name := range []string{file, fresh} {
				db := open(t, name, k, bolt.Options{})
				s, err := db.LwM2MServer(t.Context(), "dm")
				if (err == nil) != (tt.kept == 1) || err == nil && string(s.Headers["X-Token"].Reveal()) != "very-secret-token" {
					t.Errorf("it is %+v, %v", s, err)
				}
				if tt.kept == 0 {
					if _, err := db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "dm", Kind: store.KindLeshan, Address: "https://dm.example"}); err != nil {
						t.Errorf("put again: %v", err)
					}
				}
				if err := db.Check(t.Context()); err != nil {
					t.Errorf("check afterwards: %v", err)
				}
				db.Close()
			}
		})
	}
}

// A server whose row is lost while a profile names it is found by check, and told as lost by salvage.
func TestLostLwM2MServerOfProfile(t *testing.T) {
	k, file, fresh := keyring(t), filepath.Join(t.TempDir(), "x.db"), filepath.Join(t.TempDir(), "fresh.db")
	withServer(t, file, k)
	tamper(t, file, func(tx *bbolt.Tx) error { return tx.Bucket([]byte(store.KindLwM2MServer)).Delete([]byte("dm")) })
	if err := bolt.CheckFile(t.Context(), file, k); err == nil || !strings.Contains(err.Error(), `profile "meter": account "main" is of LwM2M Server "dm", which is missing`) {
		t.Errorf("check tells %v", err)
	}
	report, err := bolt.SalvageFile(t.Context(), file, fresh, k)
	if err != nil || !slices.Equal(report.Servers.Lost, []string{"dm"}) {
		t.Errorf("the report is %+v, %v", report, err)
	}
}

// A backup has the LwM2M Servers.
func TestBackupOfLwM2MServers(t *testing.T) {
	k, file := keyring(t), filepath.Join(t.TempDir(), "x.db")
	withServer(t, file, k)
	db := open(t, file, k, bolt.Options{})
	defer db.Close()
	restored := filepath.Join(t.TempDir(), "restored.db")
	if err := db.Backup(t.Context(), restored); err != nil {
		t.Fatal(err)
	}
	copied := open(t, restored, k, bolt.Options{})
	defer copied.Close()
	if s, err := copied.LwM2MServer(t.Context(), "dm"); err != nil || string(s.Secret.Reveal()) != "very-secret-api-key" {
		t.Errorf("it is %+v, %v", s, err)
	}
}
