package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// withAccess makes a database with a user, a token, a web session and an entry of the audit.
func withAccess(t *testing.T, file string, k *seal.Keyring) (session store.WebSession) {
	t.Helper()
	db := open(t, file, k, bolt.Options{})
	defer db.Close()
	u, err := db.PutUser(t.Context(), store.User{Name: "ada", Role: "admin", Password: lwm2m.NewSecret([]byte("$argon2id$the-hash"))})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.PutToken(t.Context(), store.Token{Name: "ci", Role: "viewer", User: "ada", Hash: make([]byte, 32)}); err != nil {
		t.Fatal(err)
	}
	session = store.WebSession{Key: strings.Repeat("0a", 32), Name: "ada", Way: "password", Created: time.Now().UTC(), Seen: time.Now().UTC()}
	if err := db.PutWebSession(t.Context(), session, u.Revision); err != nil {
		t.Fatal(err)
	}
	if _, err := db.AppendAudit(t.Context(), store.AuditEntry{Name: "ada", Way: "password", Action: "device set", Target: "dev"}); err != nil {
		t.Fatal(err)
	}
	return session
}

// Whoever has the file and not its sealing key has no hash to guess passwords with.
func TestHashesOfPasswordsAreSealed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.db")
	withAccess(t, file, keyring(t))
	raw, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(raw, []byte(`"ada"`)) || bytes.Contains(raw, []byte("argon2id")) {
		t.Errorf("the file has a hash in the clear, or not the user: %v", err)
	}
}

// A damaged row of those who may administer the server is found by check, lets no one in, is left out by salvage
// while the others are kept, and can be put again.
func TestAccessIsSalvaged(t *testing.T) {
	k := keyring(t)
	for bucket, key := range map[string]string{"user": "ada", "token": "ci", "web_session": strings.Repeat("0a", 32), "audit": "\x00\x00\x00\x00\x00\x00\x00\x01", "": ""} {
		t.Run("damaged "+bucket, func(t *testing.T) {
			file, fresh := filepath.Join(t.TempDir(), "x.db"), filepath.Join(t.TempDir(), "fresh.db")
			session := withAccess(t, file, k)
			if bucket != "" {
				tamper(t, file, func(tx *bbolt.Tx) error {
					b := tx.Bucket([]byte(bucket))
					row := slices.Clone(b.Get([]byte(key)))
					return b.Put([]byte(key), row[:len(row)/2])
				})
			}
			if err := bolt.CheckFile(t.Context(), file, k); (err == nil) != (bucket == "") || err != nil && !strings.Contains(err.Error(), bucket) {
				t.Errorf("check tells %v", err)
			}
			if _, err := bolt.SalvageFile(t.Context(), file, fresh, k); err != nil {
				t.Fatal(err)
			}
			for name, damaged := range map[string]bool{file: true, fresh: false} {
				db := open(t, name, k, bolt.Options{})
				_, errUser := db.User(t.Context(), "ada")
				_, errToken := db.Token(t.Context(), "ci")
				_, errSession := db.WebSession(t.Context(), session.Key)
				entries, err := db.Audit(t.Context(), store.AuditQuery{})
				if (errUser != nil) != (bucket == "user") || (errToken != nil) != (bucket == "token") || (errSession != nil) != (bucket == "web_session") || err != nil || (len(entries) == 0) != (bucket == "audit") {
					t.Errorf("in %s (damaged: %v): %v, %v, %v, %v, %d entries", name, damaged, errUser, errToken, errSession, err, len(entries))
				}
				if _, err := db.PutUser(t.Context(), store.User{Name: "ada", Role: "admin"}); (err == nil) != (bucket == "user") {
					t.Errorf("put again: %v", err)
				}
				if e, err := db.AppendAudit(t.Context(), store.AuditEntry{Name: "ada", Way: "x", Action: "x"}); err != nil || e.ID < 2 && !(bucket == "audit" && !damaged) {
					t.Errorf("the next entry is %+v, %v", e, err)
				}
				db.Close()
			}
		})
	}
}

// A former state of a user on a page that nothing refers to does not come back by a salvage, as a user or as anything
// else.
func TestFormerUsersDoNotComeBack(t *testing.T) {
	k, file, fresh := keyring(t), filepath.Join(t.TempDir(), "x.db"), filepath.Join(t.TempDir(), "fresh.db")
	withAccess(t, file, k)
	db := open(t, file, k, bolt.Options{})
	if err := db.DeleteUser(t.Context(), "ada", 0); err != nil {
		t.Fatal(err)
	}
	db.Close()
	report, err := bolt.SalvageFile(t.Context(), file, fresh, k)
	if err != nil {
		t.Fatal(err)
	}
	salvaged := open(t, fresh, k, bolt.Options{})
	defer salvaged.Close()
	users, _ := salvaged.Users(t.Context())
	tokens, _ := salvaged.Tokens(t.Context())
	if len(users)+len(tokens)+report.Profiles.Kept+len(report.Profiles.Older) != 0 {
		t.Errorf("there are %v, %v, and the report is %+v", users, tokens, report)
	}
}

// There are so many users and tokens, and no more.
func TestMostUsersAndTokens(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "x.db"), keyring(t), bolt.Options{})
	defer db.Close()
	var all sync.WaitGroup
	for i := range store.MaxUsers {
		all.Go(func() {
			if _, err := db.PutUser(t.Context(), store.User{Name: fmt.Sprint("u", i), Role: "viewer"}); err != nil {
				t.Error(err)
			}
			if _, err := db.PutToken(t.Context(), store.Token{Name: fmt.Sprint("t", i), Role: "viewer", Hash: make([]byte, 32)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, err := db.PutUser(t.Context(), store.User{Name: "more", Role: "viewer"}); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "1000 users") {
		t.Errorf("one more user: %v", err)
	}
	if _, err := db.PutToken(t.Context(), store.Token{Name: "more", Role: "viewer", Hash: make([]byte, 32)}); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "1000 tokens") {
		t.Errorf("one more token: %v", err)
	}
}
