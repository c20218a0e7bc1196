package bootstrap_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// An interruptedStore ends a context before one of its calls, counted from 1, which then
// fails as calls do whose context has ended; or fails by itself where there is no context.
type interruptedStore struct {
	store.Store
	at    int32
	end   func()
	calls atomic.Int32
}

var errDisk = errors.New("input/output error")

func (s *interruptedStore) check(ctx context.Context) error {
	if s.calls.Add(1) != s.at {
		return nil
	}
	if s.end == nil {
		return errDisk
	}
	s.end()
	return ctx.Err()
}

func (s *interruptedStore) Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	if err := s.check(ctx); err != nil {
		return store.Device{}, err
	}
	return s.Store.Device(ctx, ep)
}

func (s *interruptedStore) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error) {
	if err := s.check(ctx); err != nil {
		return store.Device{}, err
	}
	return s.Store.DeviceByIdentity(ctx, kind, identity)
}

func (s *interruptedStore) Profile(ctx context.Context, name string) (store.Profile, error) {
	if err := s.check(ctx); err != nil {
		return store.Profile{}, err
	}
	return s.Store.Profile(ctx, name)
}

func (s *interruptedStore) EndSession(ctx context.Context, session store.Session, d store.Device) (store.Device, error) {
	if err := s.check(ctx); err != nil {
		return store.Device{}, err
	}
	return s.Store.EndSession(ctx, session, d)
}

func (s *interruptedStore) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	if err := s.check(ctx); err != nil {
		return store.Device{}, err
	}
	return s.Store.PutDevice(ctx, d)
}

// request has a device ask once with a store that fails at one call; why is what its
// association ends with there, nil where it does not end. It returns what is kept of it, the
// log, and whether so many calls were made.
func request(t *testing.T, at int32, identity string, why error) (kept []store.Session, log string, reached bool) {
	t.Helper()
	keyring, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	defer db.Close()
	_, err = db.PutProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 1, Security: "psk", Key: "renew"}}})
	check(t, err)
	_, err = db.PutDevice(t.Context(), store.Device{Endpoint: "dev", Profile: "p", Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: "id", Key: lwm2m.NewSecret([]byte("k"))},
	}})
	check(t, err)
	ctx, end := context.WithCancelCause(t.Context())
	defer end(nil)
	s := &interruptedStore{Store: db, at: at}
	if why != nil {
		s.end = func() { end(why) }
	}
	var text bytes.Buffer
	server, err := bootstrap.NewServer(bootstrap.Config{Store: s, Logger: slog.New(slog.NewTextHandler(&text, nil))})
	check(t, err)
	client := newScriptedClient(nil)
	client.identity = identity
	if _, after := server.ServeRequest(ctx, client, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}}); after != nil {
		after(ctx)
	}
	check(t, server.Close())
	kept, err = db.Sessions(t.Context(), store.SessionQuery{})
	check(t, err)
	return kept, text.String(), s.calls.Load() >= at
}

// An association that ends while its request is looked at is no failing store, wherever that
// happens: the record tells what ended, and no error is logged.
func TestInterruptedRequestIsNoStoreFault(t *testing.T) {
	for why, want := range map[error]store.Cause{
		context.Canceled:      store.CauseGone,
		bootstrap.ErrStopping: store.CauseStopped,
	} {
		for _, identity := range []string{"id", "another"} {
			points := int32(0)
			for at := int32(1); ; at++ {
				kept, log, reached := request(t, at, identity, why)
				if !reached {
					break
				}
				points = at
				if strings.Contains(log, "level=ERROR") {
					t.Errorf("%v at call %d as %s: %s", why, at, identity, log)
				}
				for _, s := range kept {
					if s.Cause == store.CauseInternal || identity == "id" && s.Cause != want && s.Cause != store.CauseDone {
						t.Errorf("%v at call %d as %s: %s, %s", why, at, identity, s.Cause, s.Detail)
					}
				}
				if identity == "id" && len(kept) != 1 {
					t.Errorf("%v at call %d: %d records", why, at, len(kept))
				}
			}
			if points < 2 {
				t.Errorf("as %s the store is called %d times", identity, points)
			}
		}
	}
}

// A store that fails is one, and told so.
func TestFailingStoreIsTold(t *testing.T) {
	kept, log, _ := request(t, 1, "id", nil)
	if len(kept) != 1 || kept[0].Cause != store.CauseInternal || !strings.Contains(log, "level=ERROR") || !strings.Contains(log, errDisk.Error()) {
		t.Errorf("%+v, log %s", kept, log)
	}
}
