package bootstrap_test

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A plainServer is a Bootstrap-Server with one device, "dev", that may come over plain CoAP.
type plainServer struct {
	*testing.T
	server *bootstrap.Server
	db     *bolt.DB
	ended  chan store.Session
}

func newPlainServer(t *testing.T, cfg bootstrap.Config) *plainServer {
	t.Helper()
	keyring, err := seal.NewKeyring()
	check(t, err)
	s := &plainServer{T: t, ended: make(chan store.Session, 1000)}
	s.db, err = bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { s.db.Close() })
	_, err = s.db.PutProfile(t.Context(), store.Profile{Name: "p", SecretsOverNoSec: true,
		Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101, Key: store.KeyRenew}}})
	check(t, err)
	_, err = s.db.PutDevice(t.Context(), store.Device{Endpoint: "dev", Profile: "p", NoSec: true, Credentials: []store.Credential{psk("id")}})
	check(t, err)
	cfg.Store = s.db
	cfg.Observe = func(e bootstrap.Event) {
		if e.Kind == bootstrap.EventEnded {
			s.ended <- e.Session
		}
	}
	s.server, err = bootstrap.NewServer(cfg)
	check(t, err)
	t.Cleanup(func() { s.server.Close() })
	return s
}

// ask lets a client ask to bootstrap as dev; its session goes on in a goroutine of its own.
func (s *plainServer) ask(c *scriptedClient) lwm2m.Code {
	s.Helper()
	resp, after := s.server.ServeRequest(s.Context(), c, post("bs", "ep=dev"))
	if after != nil {
		go after(context.WithoutCancel(s.Context()))
	}
	return resp.Code
}

// plainClient is a client over plain CoAP, secureClient one over DTLS.
func plainClient(answers map[string][]any) *scriptedClient {
	c := newScriptedClient(answers)
	c.plain = true
	return c
}

func secureClient(answers map[string][]any) *scriptedClient { return newScriptedClient(answers) }

// forger is the client that a forged request seems to come from: it never answers.
func forger() *scriptedClient { return plainClient(map[string][]any{"GET /": {endless{}}}) }

// requests is what a client was asked so far.
func (c *scriptedClient) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.asked)
}

// asks waits until a client was asked for something.
func (s *plainServer) asks(c *scriptedClient, request string) {
	s.Helper()
	s.until("the client is asked for "+request, func() bool { return slices.Contains(c.requests(), request) })
}

func (s *plainServer) until(what string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("it does not come about that %s", what)
		}
	}
}

// ends waits for the end of n sessions, and returns their causes, sorted.
func (s *plainServer) ends(n int) (causes []store.Cause) {
	s.Helper()
	for range n {
		select {
		case e := <-s.ended:
			causes = append(causes, e.Cause)
		case <-time.After(time.Minute):
			s.Fatalf("only %v have ended", causes)
		}
	}
	slices.Sort(causes)
	return causes
}

// A request whose sender has not answered ends no session of the device, over DTLS or plain
// CoAP, and is not told of as the session of the device.
func TestUnvalidatedRequestSupersedesNothing(t *testing.T) {
	for name, client := range map[string]func(map[string][]any) *scriptedClient{"plain CoAP": plainClient, "DTLS": secureClient} {
		t.Run(name, func(t *testing.T) {
			s := newPlainServer(t, bootstrap.Config{})
			device := client(map[string][]any{"PUT /1/0": {endless{}}})
			s.ask(device)
			s.asks(device, "PUT /1/0 tlv")
			for range 3 {
				forged := forger()
				if code := s.ask(forged); code != lwm2m.CodeChanged {
					t.Fatalf("the request is answered with %v", code)
				}
				s.asks(forged, "GET /")
			}
			if r := s.server.Running("dev"); r == nil || !r.Proof.Counts() || r.Stage != store.StageWrite {
				t.Errorf("the session of the device is told as %+v", r)
			}
			if n := len(s.server.Active()); n != 1 || s.server.Unvalidated() != 3 {
				t.Errorf("%d sessions are running, %d requests unvalidated; want 1, 3", n, s.server.Unvalidated())
			}
			if len(s.ended) != 0 {
				t.Errorf("a session ended with %s", (<-s.ended).Cause)
			}
		})
	}
}

// What was never answered does not count as a session of a device that comes again and again:
// the device itself is served.
func TestUnvalidatedRequestsDoNotCountAsLoop(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{LoopLimit: 2})
	for range 10 {
		forged := plainClient(map[string][]any{"GET /": {bootstrap.ErrSilent}})
		if code := s.ask(forged); code != lwm2m.CodeChanged {
			t.Fatalf("the request is answered with %v", code)
		}
		s.ends(1)
	}
	for i := range 3 { // the third is one too many
		code := s.ask(plainClient(nil))
		if want := []lwm2m.Code{lwm2m.CodeChanged, lwm2m.CodeChanged, lwm2m.CodeServiceUnavailable}[i]; code != want {
			t.Fatalf("request %d of the device is answered with %v, want %v", i+1, code, want)
		}
		s.ends(1)
	}
}

// A request whose sender has not answered makes no key and edits no record.
func TestUnvalidatedRequestChangesNoRecord(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{})
	before, err := s.db.Device(t.Context(), "dev")
	check(t, err)
	s.ask(plainClient(map[string][]any{"GET /": {bootstrap.ErrSilent}}))
	s.ends(1)
	after, err := s.db.Device(t.Context(), "dev")
	check(t, err)
	if after.Revision != before.Revision {
		t.Errorf("the record went from revision %v to %v", before.Revision, after.Revision)
	}
}

// A device that comes again from another address is served at once: it is asked for Discover
// once more only where the session before was still under way.
func TestDeviceComesAgainFromElsewhere(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{})
	first := plainClient(map[string][]any{"PUT /1/0": {endless{}}})
	s.ask(first)
	s.asks(first, "PUT /1/0 tlv")
	second := plainClient(nil)
	s.ask(second)
	if got := s.ends(2); !slices.Equal(got, []store.Cause{store.CauseDone, store.CauseSuperseded}) {
		t.Fatalf("the sessions end with %v", got)
	}
	third := plainClient(nil)
	s.ask(third)
	if got := s.ends(1); got[0] != store.CauseDone {
		t.Fatalf("the third session ends with %s", got[0])
	}
	for i, tt := range []struct {
		c    *scriptedClient
		want int
	}{{second, 2}, {third, 1}} {
		n := 0
		for _, r := range tt.c.requests() {
			if r == "GET /" {
				n++
			}
		}
		if n != tt.want {
			t.Errorf("client %d was asked %v, want %d Discovers", i+2, tt.c.requests(), tt.want)
		}
	}
}

// On the address that the device has proved, a newer request takes the place of its session at
// once: a device that lost power may not know what it was asked.
func TestDeviceComesAgainOnItsAddress(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{})
	device := plainClient(map[string][]any{"PUT /1/0": {endless{}, lwm2m.CodeChanged}})
	s.ask(device)
	s.asks(device, "PUT /1/0 tlv")
	s.ask(device)
	if got := s.ends(2); !slices.Equal(got, []store.Cause{store.CauseDone, store.CauseSuperseded}) {
		t.Fatalf("the sessions end with %v", got)
	}
}

// Of one address and device one request at most waits for an answer, the newest.
func TestNewestUnvalidatedRequestOfOneAddressCounts(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{})
	forged := forger()
	for range 20 {
		s.ask(forged)
	}
	for range 19 {
		if got := s.ends(1); got[0] != store.CauseSuperseded {
			t.Fatalf("an older request ends with %s", got[0])
		}
	}
	if n := s.server.Unvalidated(); n != 1 {
		t.Errorf("%d requests are unvalidated, want one", n)
	}
}

// Requests that wait for an answer have a share of the sessions of their own. Where it is
// taken the oldest gives way, and no session that is running.
func TestUnvalidatedRequestsHaveAShare(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{MaxSessions: 1, MaxUnvalidated: 2})
	device := plainClient(map[string][]any{"PUT /1/0": {endless{}}})
	s.ask(device)
	s.asks(device, "PUT /1/0 tlv")
	for range 10 {
		if code := s.ask(forger()); code != lwm2m.CodeChanged {
			t.Fatalf("a request is answered with %v", code)
		}
	}
	for range 8 {
		if got := s.ends(1); got[0] != store.CauseBusy {
			t.Fatalf("a request that gave way ends with %s", got[0])
		}
	}
	if n := s.server.Unvalidated(); n != 2 || len(s.server.Active()) != 1 {
		t.Errorf("%d requests are unvalidated and %d sessions running, want 2 and 1", n, len(s.server.Active()))
	}
}

// A server that is about to stop does not wait for those that may never answer.
func TestDrainDoesNotWaitForUnvalidatedRequests(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{})
	for range 3 {
		s.ask(forger())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check(t, s.server.Drain(ctx))
	check(t, s.server.Close())
	for range 3 {
		if got := s.ends(1); got[0] != store.CauseStopped {
			t.Errorf("a request ends with %s", got[0])
		}
	}
}

// The history of a device is not that of forged requests in its name, of which there may be
// any number.
func TestUnvalidatedRequestsLeaveTheHistory(t *testing.T) {
	s := newPlainServer(t, bootstrap.Config{})
	s.ask(plainClient(nil))
	s.ends(1)
	for range 100 {
		s.ask(plainClient(map[string][]any{"GET /": {bootstrap.ErrSilent}}))
		s.ends(1)
	}
	check(t, s.server.Close())
	own, err := s.db.Sessions(t.Context(), store.SessionQuery{Endpoint: "dev", Own: true})
	check(t, err)
	if len(own) != 1 || own[0].Cause != store.CauseDone {
		t.Errorf("the history of the device is %+v", own)
	}
	all, err := s.db.Sessions(t.Context(), store.SessionQuery{Endpoint: "dev"})
	check(t, err)
	if len(all) != 2 {
		t.Errorf("%d records are kept under the name of the device, want its own and one that counts", len(all))
	}
}
