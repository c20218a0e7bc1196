package bootstrap_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// An lwm2mServer is told of accounts. It fails as often as it is said to, and takes its time.
type lwm2mServer struct {
	fail  error
	takes time.Duration

	during func() // is called while it is told, if it is set

	mu   sync.Mutex
	told []string // what it has taken: endpoint, identity and key, in hexadecimal
}

func (l *lwm2mServer) HandOver(ctx context.Context, server string, ep lwm2m.EndpointName, account lwm2m.ServerAccount, _ lwm2m.BootstrapInfo) error {
	wait := time.NewTimer(l.takes)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	if l.during != nil {
		l.during()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail != nil {
		return l.fail
	}
	s := account.Security
	l.told = append(l.told, fmt.Sprintf("%s %s %s %s", server, ep, s.PublicKeyOrIdentity, hex.EncodeToString(s.SecretKey.Reveal())))
	return nil
}

// handingOver is a profile with an account that is handed over, and one that is not.
func handingOver(key string) store.Profile {
	return store.Profile{Name: "p", NoAccessControl: true, Accounts: []store.Account{
		{Name: "own", URI: "coaps://a.example", ShortServerID: 101, Key: key, HandOver: "dm"},
		{Name: "other", URI: "coaps://b.example", ShortServerID: 102},
	}}
}

// A handOverTest is a server whose device comes again and again.
type handOverTest struct {
	*testing.T
	db     *bolt.DB
	server *bootstrap.Server
	dm     *lwm2mServer
}

func newHandOverTest(t *testing.T, p store.Profile, dm *lwm2mServer) *handOverTest {
	keyring, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { db.Close() })
	h := &handOverTest{T: t, db: db, dm: dm}
	_, err = h.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "dm", Kind: store.KindPSKFile, Address: "/none"}) // dm stands in for it
	check(t, err)
	_, err = h.db.PutProfile(t.Context(), p)
	check(t, err)
	_, err = h.db.PutDevice(t.Context(), store.Device{Endpoint: "dev", Profile: "p", Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: "id", Key: lwm2m.NewSecret([]byte("k"))},
	}})
	check(t, err)
	h.server, err = bootstrap.NewServer(bootstrap.Config{Store: h.db, HandOver: dm})
	check(t, err)
	t.Cleanup(func() { h.server.Close() })
	return h
}

// bootstrap lets a client come, and returns how its session ended and its record.
func (h *handOverTest) bootstrap(c *scriptedClient) (store.Session, store.AccountKeys) {
	h.Helper()
	resp, after := h.server.ServeRequest(h.Context(), c, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}})
	if resp.Code != lwm2m.CodeChanged {
		h.Fatalf("the request is answered with %v %s", resp.Code, resp.Payload)
	}
	after(h.Context())
	check(h.T, h.server.Close())
	var err error
	h.server, err = bootstrap.NewServer(bootstrap.Config{Store: h.db, HandOver: h.dm})
	check(h.T, err)
	kept, err := h.db.Sessions(h.Context(), store.SessionQuery{})
	check(h.T, err)
	d, err := h.db.Device(h.Context(), "dev")
	check(h.T, err)
	return kept[0], d.Accounts["own"]
}

// A server is told after the last Write and before Finish, once for each key.
func TestHandOver(t *testing.T) {
	for _, tt := range []struct {
		key  string
		told int // after a second bootstrap
	}{{"", 1}, {store.KeyRenew, 2}} {
		t.Run("key "+tt.key, func(t *testing.T) {
			h := newHandOverTest(t, handingOver(tt.key), &lwm2mServer{})
			for range 2 {
				c := newScriptedClient(nil)
				c.answers["POST /bs"] = []any{func() bootstrap.Response { // so that this is known
					if len(h.dm.told) == 0 {
						t.Error("Finish comes before the server is told")
					}
					return bootstrap.Response{Code: lwm2m.CodeChanged}
				}}
				s, keys := h.bootstrap(c)
				asked := strings.Join(c.asked, ", ")
				if s.Cause != store.CauseDone || !strings.HasPrefix(asked, "GET /, ") || !strings.HasSuffix(asked, ", POST /bs") {
					t.Fatalf("cause %s: %s; asked %s", s.Cause, s.Detail, asked)
				}
				if want := "dm dev dev " + hex.EncodeToString(keys.Key.Reveal()); h.dm.told[len(h.dm.told)-1] != want {
					t.Errorf("told %q, want %q", h.dm.told, want)
				}
			}
			if len(h.dm.told) != tt.told {
				t.Errorf("told %d times, want %d", len(h.dm.told), tt.told)
			}
		})
	}
}

// A server that is another one now is told of keys that the one before it was told of.
func TestHandOverToNewAddress(t *testing.T) {
	h := newHandOverTest(t, handingOver(""), &lwm2mServer{})
	for i, edit := range []func(*store.LwM2MServer){
		func(*store.LwM2MServer) {},
		func(s *store.LwM2MServer) { s.Note = "the same server" },
		func(s *store.LwM2MServer) { s.Address = "/other" },
	} {
		server, err := h.db.LwM2MServer(h.Context(), "dm")
		check(t, err)
		edit(&server)
		_, err = h.db.PutLwM2MServer(h.Context(), server)
		check(t, err)
		if s, _ := h.bootstrap(newScriptedClient(nil)); s.Cause != store.CauseDone {
			t.Fatalf("cause %s: %s", s.Cause, s.Detail)
		}
		if want := []int{1, 1, 2}[i]; len(h.dm.told) != want {
			t.Errorf("edit %d: told %d times, want %d", i, len(h.dm.told), want)
		}
	}
}

// Where a server cannot be told, Finish is not sent, and the same key is given next time, when the
// server is told of it.
func TestHandOverFails(t *testing.T) {
	dm := &lwm2mServer{fail: errors.New("it answers with 400: no\x1b[31m")}
	h := newHandOverTest(t, handingOver(store.KeyRenew), dm)
	c := newScriptedClient(nil)
	s, first := h.bootstrap(c)
	if s.Cause != store.CauseHandOverFailed || s.Stage != store.StageHandOver || strings.Contains(strings.Join(c.asked, ", "), "POST /bs") {
		t.Errorf("cause %s at %s: %s; asked %v", s.Cause, s.Stage, s.Detail, c.asked)
	}
	if want := `LwM2M Server "dm" could not be told of account "own": it answers with 400: no\x1b[31m`; s.Detail != want {
		t.Errorf("detail %s\nwant   %s", s.Detail, want)
	}
	dm.fail = nil
	s, second := h.bootstrap(newScriptedClient(nil))
	if s.Cause != store.CauseDone || first.Pending.Len() == 0 || !second.Key.Equal(first.Pending) || !strings.HasSuffix(dm.told[0], hex.EncodeToString(first.Pending.Reveal())) {
		t.Errorf("cause %s: %s; the keys differ, or %q were told", s.Cause, s.Detail, dm.told)
	}
}

// Where Finish fails after a server was told, the key is given again, and the server is not told again.
func TestHandOverIsRemembered(t *testing.T) {
	dm := &lwm2mServer{}
	h := newHandOverTest(t, handingOver(store.KeyRenew), dm)
	s, _ := h.bootstrap(newScriptedClient(map[string][]any{"POST /bs": {lwm2m.CodeNotAcceptable}}))
	if s.Cause != store.CauseFinishRefused {
		t.Fatalf("cause %s: %s", s.Cause, s.Detail)
	}
	s, keys := h.bootstrap(newScriptedClient(nil))
	if s.Cause != store.CauseDone || len(dm.told) != 1 || !strings.HasSuffix(dm.told[0], hex.EncodeToString(keys.Key.Reveal())) {
		t.Errorf("cause %s: %s; told %q", s.Cause, s.Detail, dm.told)
	}
}

// While a server takes its time, the device is asked something now and then. A device that goes ends
// the wait.
func TestDeviceWaitsForHandOver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		second any // the answer to the second Discover
		cause  store.Cause
		asked  int
	}{
		{"waits", bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.1,</0/0>`)}, store.CauseDone, 4},
		{"knows no Discover", lwm2m.CodeMethodNotAllowed, store.CauseDone, 4},
		{"goes", errors.New("association closed"), store.CauseGone, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHandOverTest(t, handingOver(""), &lwm2mServer{takes: 18 * time.Second})
				found := bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.1,</0/0>`)}
				c := newScriptedClient(map[string][]any{"GET /": {found, tt.second}})
				s, _ := h.bootstrap(c)
				asked := strings.Count(strings.Join(c.asked, ", "), "GET /")
				if s.Cause != tt.cause && tt.cause != store.CauseGone || s.Cause.Success() != (tt.cause == store.CauseDone) || asked != tt.asked {
					t.Errorf("cause %s: %s; %d Discovers, want %d", s.Cause, s.Detail, asked, tt.asked)
				}
				if told := len(h.dm.told); told != 0 == (tt.cause != store.CauseDone) {
					t.Errorf("told %d times", told)
				}
			})
		})
	}
}

// Two accounts are handed over one after the other, also where both take their time: what the first
// leaves on the record is no edit that ends the session.
func TestHandOverOfTwoAccounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := handingOver(store.KeyRenew)
		p.Accounts[1].HandOver = "dm"
		h := newHandOverTest(t, p, &lwm2mServer{takes: 12 * time.Second})
		found := bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(`</>;lwm2m=1.1,</0/0>`)}
		for range 2 {
			s, _ := h.bootstrap(newScriptedClient(map[string][]any{"GET /": {found, found, found, found, found, found}}))
			if s.Cause != store.CauseDone {
				t.Fatalf("cause %s: %s", s.Cause, s.Detail)
			}
		}
		if len(h.dm.told) != 3 { // the renewed one twice
			t.Errorf("told %d times: %q", len(h.dm.told), h.dm.told)
		}
	})
}

// A server that panics, and one whose record goes while it is told, end the session and nothing else.
func TestHandOverWhileRecordsChange(t *testing.T) {
	for name, edit := range map[string]func(h *handOverTest) error{
		"the device is deleted": func(h *handOverTest) error { return h.db.DeleteDevice(h.Context(), "dev", 0) },
		"the device is disabled": func(h *handOverTest) error {
			d, err := h.db.Device(h.Context(), "dev")
			d.Disabled = true
			return errors.Join(err, putDevice(h, d))
		},
		"the server panics": func(*handOverTest) error { panic("as wanted") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandOverTest(t, handingOver(""), &lwm2mServer{})
			h.dm.during = func() { check(t, edit(h)) }
			c := newScriptedClient(nil)
			resp, after := h.server.ServeRequest(h.Context(), c, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}})
			if resp.Code != lwm2m.CodeChanged {
				t.Fatal(resp.Code)
			}
			after(h.Context())
			check(t, h.server.Close())
			kept, err := h.db.Sessions(h.Context(), store.SessionQuery{})
			if err != nil || len(kept) != 1 || kept[0].Cause.Success() || strings.Contains(strings.Join(c.asked, ", "), "POST /bs") {
				t.Errorf("sessions %+v, %v; asked %q", kept, err, c.asked)
			}
			for _, s := range kept {
				t.Logf("%s: %s", s.Cause, s.Detail)
			}
		})
	}
}

func putDevice(h *handOverTest, d store.Device) error {
	_, err := h.db.PutDevice(h.Context(), d)
	return err
}
