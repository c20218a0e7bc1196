package bootstrap_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
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

	during func()        // is called while it is told, if it is set
	begins chan struct{} // receives when it is told, if it is set

	mu   sync.Mutex
	told []string // what it has taken: endpoint, identity and key, in hexadecimal
}

func (l *lwm2mServer) HandOver(ctx context.Context, server string, ep lwm2m.EndpointName, account lwm2m.ServerAccount, _ lwm2m.BootstrapInfo) error {
	l.mu.Lock()
	wait := time.NewTimer(l.takes)
	l.mu.Unlock()
	if l.begins != nil {
		l.begins <- struct{}{}
	}
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

// The record says that a server may know the device from before it is told, and that it has acknowledged it
// afterwards.
func TestRecordSaysWhoWasTold(t *testing.T) {
	h := newHandOverTest(t, handingOver(""), &lwm2mServer{fail: errors.New("no")})
	h.dm.during = func() {
		if d, err := h.db.Device(h.Context(), "dev"); err != nil || len(d.HandedOver) != 1 || d.HandedOver[0].Digest.Len() != 0 {
			t.Errorf("while it is told the record says %+v, %v", d.HandedOver, err)
		}
	}
	for _, acknowledged := range []bool{false, true} {
		s, _ := h.bootstrap(newScriptedClient(nil))
		d, err := h.db.Device(h.Context(), "dev")
		if s.Cause.Success() != acknowledged || err != nil || len(d.HandedOver) != 1 {
			t.Fatalf("cause %s: %s; the record says %+v, %v", s.Cause, s.Detail, d.HandedOver, err)
		}
		if got := d.HandedOver[0]; got.Server != "dm" || got.Account != "own" || got.Endpoint != "dev" || got.Identity != "dev" || (got.Digest.Len() > 0) != acknowledged {
			t.Errorf("the record says %+v", got)
		}
		h.dm.fail = nil
	}
}

// What a device does not use any more is forgotten once its bootstrap is complete: an account that left the
// profile, an account of another server, a former identity.
func TestFormerHandOversAreForgotten(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(p *store.Profile)
		want []string // what the record says, "SERVER IDENTITY"
		wait []string // what waits, "RECEIVER ENDPOINT IDENTITY"
	}{
		"nothing changes":  {func(*store.Profile) {}, []string{"dm dev"}, nil},
		"leaves":           {func(p *store.Profile) { p.Accounts = p.Accounts[1:] }, nil, []string{"dm dev dev"}},
		"another server":   {func(p *store.Profile) { p.Accounts[0].HandOver = "web" }, []string{"web dev"}, []string{"dm dev dev"}},
		"another identity": {func(p *store.Profile) { p.Accounts[0].Identity = "id-{{.Endpoint}}" }, []string{"dm id-dev"}, []string{"dm dev dev"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandOverTest(t, handingOver(""), &lwm2mServer{})
			_, err := h.db.PutLwM2MServer(t.Context(), store.LwM2MServer{Name: "web", Kind: store.KindLeshan, Address: "http://127.0.0.1:1"})
			check(t, err)
			h.bootstrap(newScriptedClient(nil))
			p, err := h.db.Profile(t.Context(), "p")
			check(t, err)
			tt.edit(&p)
			_, err = h.db.PutProfile(t.Context(), p)
			check(t, err)
			for _, finish := range []lwm2m.Code{lwm2m.CodeNotAcceptable, lwm2m.CodeChanged} {
				if waiting, err := h.db.Messages(t.Context(), store.MessageQuery{}); err != nil || len(waiting) != 0 {
					t.Fatalf("before the bootstrap is complete %+v wait, %v", waiting, err)
				}
				h.bootstrap(newScriptedClient(map[string][]any{"POST /bs": {finish}}))
			}
			d, err := h.db.Device(t.Context(), "dev")
			check(t, err)
			var got, wait []string
			for _, o := range d.HandedOver {
				got = append(got, o.Server+" "+o.Identity)
			}
			waiting, err := h.db.Messages(t.Context(), store.MessageQuery{})
			check(t, err)
			for _, m := range waiting {
				o, _, err := m.Removed()
				check(t, err)
				wait = append(wait, fmt.Sprintf("%s %s %s", m.Receiver, o.Endpoint, o.Identity))
			}
			if !slices.Equal(got, tt.want) || !slices.Equal(wait, tt.wait) {
				t.Errorf("the record says %q, want %q; %q wait, want %q", got, tt.want, wait, tt.wait)
			}
		})
	}
}

// A device that was disabled and enabled again is handed over again.
func TestEnabledDeviceIsHandedOverAgain(t *testing.T) {
	h := newHandOverTest(t, handingOver(""), &lwm2mServer{})
	h.bootstrap(newScriptedClient(nil))
	for _, disabled := range []bool{true, false} {
		d, err := h.db.Device(t.Context(), "dev")
		check(t, err)
		d.Disabled = disabled
		check(t, putDevice(h, d))
	}
	if s, _ := h.bootstrap(newScriptedClient(nil)); s.Cause != store.CauseDone || len(h.dm.told) != 2 || h.dm.told[0] != h.dm.told[1] {
		t.Errorf("cause %s: %s; told %q", s.Cause, s.Detail, h.dm.told)
	}
}

// A newer session of the device, and a shutdown, end a hand-over that is under way. The key stays.
func TestHandOverIsInterrupted(t *testing.T) {
	for name, cause := range map[string]store.Cause{"a newer session": store.CauseSuperseded, "a shutdown": store.CauseStopped} {
		t.Run(name, func(t *testing.T) {
			h := newHandOverTest(t, handingOver(store.KeyRenew), &lwm2mServer{takes: time.Hour})
			h.dm.begins = make(chan struct{}, 2)
			come := func() (after func(context.Context)) {
				resp, after := h.server.ServeRequest(h.Context(), newScriptedClient(nil), bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}})
				if resp.Code != lwm2m.CodeChanged {
					t.Fatal(resp.Code)
				}
				return after
			}
			first, ended := come(), make(chan struct{})
			go func() { first(h.Context()); close(ended) }()
			<-h.dm.begins
			made, err := h.db.Device(h.Context(), "dev")
			check(t, err)
			if cause == store.CauseSuperseded {
				h.dm.mu.Lock()
				h.dm.takes = 0
				h.dm.mu.Unlock()
				come()(h.Context())
			}
			check(t, h.server.Close())
			<-ended
			kept, err := h.db.Sessions(h.Context(), store.SessionQuery{})
			check(t, err)
			if first := kept[len(kept)-1]; first.Cause != cause || first.Stage != store.StageHandOver {
				t.Errorf("the first session ended with %s at %s: %s", first.Cause, first.Stage, first.Detail)
			}
			d, err := h.db.Device(h.Context(), "dev")
			check(t, err)
			key := made.Accounts["own"].Pending
			if cause == store.CauseStopped && !d.Accounts["own"].Pending.Equal(key) {
				t.Error("the key was dropped, which the server may know")
			}
			if cause == store.CauseSuperseded && (!d.Accounts["own"].Key.Equal(key) || kept[0].Cause != store.CauseDone || !strings.HasSuffix(h.dm.told[0], hex.EncodeToString(key.Reveal()))) {
				t.Errorf("the second session ended with %s: %s; told %q", kept[0].Cause, kept[0].Detail, h.dm.told)
			}
			if len(d.HandedOver) != 1 {
				t.Errorf("the record says %+v", d.HandedOver)
			}
		})
	}
}

// A device that is deleted while it is handed over is no fault of the store.
func TestDeletedDuringHandOver(t *testing.T) {
	var log strings.Builder
	h := newHandOverTest(t, handingOver(""), &lwm2mServer{})
	var err error
	h.server, err = bootstrap.NewServer(bootstrap.Config{Store: h.db, HandOver: h.dm, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	check(t, err)
	h.dm.during = func() { check(t, h.db.DeleteDevice(h.Context(), "dev", 0)) }
	_, after := h.server.ServeRequest(h.Context(), newScriptedClient(nil), bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}})
	after(h.Context())
	check(t, h.server.Close())
	if strings.Contains(log.String(), "ERROR") {
		t.Error(log.String())
	}
	waiting, err := h.db.Messages(h.Context(), store.MessageQuery{})
	if err != nil || len(waiting) != 1 || waiting[0].Receiver != "dm" {
		t.Errorf("%+v wait, %v", waiting, err)
	}
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
