package bootstrap_test

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A brittle store panics at one operation, for as long as it is asked to.
type brittle struct {
	store.Store
	mu  sync.Mutex
	bad string // guarded by mu; the operation
}

func (b *brittle) set(op string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bad = op
}

func (b *brittle) at(op string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bad == op {
		panic("brittle at " + op)
	}
}

func (b *brittle) Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	b.at("Device")
	return b.Store.Device(ctx, ep)
}

func (b *brittle) Profile(ctx context.Context, name string) (store.Profile, error) {
	b.at("Profile")
	return b.Store.Profile(ctx, name)
}

func (b *brittle) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	b.at("PutDevice")
	return b.Store.PutDevice(ctx, d)
}

func (b *brittle) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error) {
	b.at("DeviceByIdentity")
	return b.Store.DeviceByIdentity(ctx, kind, identity)
}

func (b *brittle) EndSession(ctx context.Context, s store.Session, d store.Device) (store.Device, error) {
	b.at("EndSession")
	return b.Store.EndSession(ctx, s, d)
}

func (b *brittle) AppendSession(ctx context.Context, s store.Session) error {
	b.at("AppendSession")
	return b.Store.AppendSession(ctx, s)
}

// A clumsyClient panics when the server lets go of it.
type clumsyClient struct{ *scriptedClient }

func (c clumsyClient) Release() { panic("clumsy") }

// A panic ends the request or the session that it came from: the history has it, the metrics
// count it, the log has its stack once, the device bootstraps when it comes again, and the server stops.
func TestPanicInSession(t *testing.T) {
	const internal, done = store.CauseInternal, store.CauseDone
	tests := []struct {
		name    string
		op      string           // of the store
		answers map[string][]any // of the client
		observe bootstrap.EventKind
		clumsy  bool
		pack    bool
		part    panics.Part
		cause   store.Cause // of the record; empty for none
	}{
		{name: "the device is looked up", op: "Device", part: panics.Request, cause: internal},
		{name: "the profile is looked up", op: "Profile", part: panics.Request, cause: internal},
		{name: "a new key is kept", op: "PutDevice", part: panics.Session, cause: internal},
		{name: "Discover", answers: map[string][]any{"GET /": {panicking{}}}, part: panics.Session, cause: internal},
		{name: "a Write", answers: map[string][]any{"PUT /1/0": {panicking{}}}, part: panics.Session, cause: internal},
		{name: "Finish", answers: map[string][]any{"POST /bs": {panicking{}}}, part: panics.Session, cause: internal},
		{name: "the association is left", clumsy: true, part: panics.Session, cause: done},
		{name: "an observer of the start", observe: bootstrap.EventStarted, part: panics.Observer, cause: done},
		{name: "an observer of an operation", observe: bootstrap.EventOperation, part: panics.Observer, cause: done},
		{name: "an observer of the end", observe: bootstrap.EventEnded, part: panics.Observer, cause: done},
		{name: "what the device has is kept", op: "EndSession", part: panics.Session, cause: done},
		{name: "the history is kept", answers: map[string][]any{"GET /": {bootstrap.ErrSilent}}, op: "AppendSession", part: panics.History},
		{name: "a pack", pack: true, op: "PutDevice", part: panics.Session, cause: internal},
		{name: "a pack, before it is made", pack: true, op: "Profile", part: panics.Request, cause: internal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := openBrittle(t, store.Profile{Name: "p", Pack: "allow", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}})
			var log bytes.Buffer
			logger := slog.New(slog.NewTextHandler(&log, nil))
			guard := panics.New(logger)
			broken := true
			server, err := bootstrap.NewServer(bootstrap.Config{Store: db, Panics: guard, SessionTimeout: timeout, Observe: func(e bootstrap.Event) {
				if broken && e.Kind == tt.observe {
					panic("observer")
				}
			}})
			check(t, err)
			db.set(tt.op)
			client := newScriptedClient(tt.answers)
			var conn bootstrap.Conn = client
			if tt.clumsy {
				conn = clumsyClient{client}
			}
			for range 2 {
				bootstrapOnce(t, server, conn, tt.pack)
				waitIdle(t, server)
			}
			if n := guard.All()[tt.part]; n < 2 {
				t.Errorf("counted %v, want 2 of %s at least", guard.All(), tt.part)
			}
			if stacks := strings.Count(log.String(), "stack="); stacks == 0 || stacks >= strings.Count(log.String(), "panic contained") {
				t.Errorf("the log has %d stacks: %s", stacks, log.String())
			}

			db.set("")
			broken = false
			bootstrapOnce(t, server, newScriptedClient(nil), false)
			waitIdle(t, server)
			check(t, server.Close())
			kept, err := db.Sessions(t.Context(), store.SessionQuery{Endpoint: "dev"})
			check(t, err)
			if len(kept) == 0 || kept[0].Cause != done {
				t.Fatalf("the device that comes again has %+v", kept)
			}
			if tt.cause != "" && !slices.ContainsFunc(kept[1:], func(s store.Session) bool { return s.Cause == tt.cause }) {
				t.Errorf("the history has no %s: %+v", tt.cause, kept[1:])
			}
		})
	}
}

// openBrittle is a database with device dev, whose key is still to be made.
func openBrittle(t *testing.T, p store.Profile) *brittle {
	t.Helper()
	keyring, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.PutProfile(t.Context(), p)
	check(t, err)
	_, err = db.PutDevice(t.Context(), store.Device{Endpoint: "dev", Profile: "p", Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: "id", Key: lwm2m.NewSecret([]byte("k"))},
	}})
	check(t, err)
	return &brittle{Store: db}
}

// bootstrapOnce lets the client ask, and go through the session if there is one.
func bootstrapOnce(t *testing.T, server *bootstrap.Server, conn bootstrap.Conn, pack bool) {
	t.Helper()
	r := bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}}
	if pack {
		r = bootstrap.Request{Method: bootstrap.GET, Path: []string{"bspack"}, Queries: r.Queries}
	}
	resp, after := server.ServeRequest(t.Context(), conn, r)
	if after == nil {
		if resp.Code != lwm2m.CodeInternalServerError {
			t.Fatalf("the request is answered with %v %s", resp.Code, resp.Payload)
		}
		return
	}
	after(t.Context())
}

// waitIdle waits until no session runs.
func waitIdle(t *testing.T, server *bootstrap.Server) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); len(server.Active()) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a session does not end")
		}
	}
}

// What the listeners ask a Server for does not take them down.
func TestPanicInHandshake(t *testing.T) {
	db := openBrittle(t, store.Profile{Name: "p"})
	server, err := bootstrap.NewServer(bootstrap.Config{Store: db})
	check(t, err)
	db.set("DeviceByIdentity")
	if key, err := server.PSK("id"); err != nil || !key.IsZero() {
		t.Error("a key is found that could not be looked up")
	}
	server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5000", Identity: "id", Err: auth.ErrKeyDiffers, Started: time.Now()})
	server.NoRequest(auth.Peer{Remote: "192.0.2.1:5000", Transport: "coaps", Identity: "id"}, time.Now(), attempt.UnusedInTime)
	db.set("")
	if key, err := server.PSK("id"); err != nil || key.IsZero() {
		t.Error("no key is found afterwards")
	}
	check(t, server.Close())
}
