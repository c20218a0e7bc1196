package bootstrap_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A stuckStore has a disk that takes no writes until it is released.
type stuckStore struct {
	store.Store
	released chan struct{}
}

func (s *stuckStore) wait(ctx context.Context) error {
	select {
	case <-s.released:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *stuckStore) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	if err := s.wait(ctx); err != nil {
		return store.Device{}, err
	}
	return s.Store.PutDevice(ctx, d)
}

func (s *stuckStore) EndSession(ctx context.Context, session store.Session, d store.Device) (store.Device, error) {
	if err := s.wait(ctx); err != nil {
		return store.Device{}, err
	}
	return s.Store.EndSession(ctx, session, d)
}

func (s *stuckStore) AppendSession(ctx context.Context, session store.Session) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.Store.AppendSession(ctx, session)
}

// While the disk takes no writes, devices that have their keys are bootstrapped to the end, and
// one that needs a new key waits. When the disk goes on, all are in the history.
func TestServedWhileWritesHang(t *testing.T) {
	db := openBrittle(t, store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coap://a.example", ShortServerID: 101, Security: "nosec"}}})
	_, err := db.PutProfile(t.Context(), store.Profile{Name: "renewing", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101, Security: "psk", Key: "renew"}}})
	check(t, err)
	for endpoint, profile := range map[lwm2m.EndpointName]string{"other": "p", "new": "renewing"} {
		_, err = db.PutDevice(t.Context(), store.Device{Endpoint: endpoint, Profile: profile, Credentials: []store.Credential{
			{Kind: store.CredentialPSK, Identity: "of " + string(endpoint), Key: lwm2m.NewSecret([]byte("k"))},
		}})
		check(t, err)
	}
	stuck := &stuckStore{Store: db, released: make(chan struct{})}
	server, err := bootstrap.NewServer(bootstrap.Config{Store: stuck})
	check(t, err)

	ended := make(chan struct{}, 3)
	come := func(endpoint, identity string) (finished chan struct{}) {
		finished = make(chan struct{}, 1)
		client := newScriptedClient(map[string][]any{"POST /bs": {func() bootstrap.Response {
			finished <- struct{}{}
			return bootstrap.Response{Code: lwm2m.CodeChanged}
		}}})
		client.identity = identity
		resp, after := server.ServeRequest(t.Context(), client, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=" + endpoint}})
		if after == nil {
			t.Fatalf("%s is answered with %v", endpoint, resp.Code)
		}
		go func() {
			after(context.WithoutCancel(t.Context()))
			ended <- struct{}{}
		}()
		return finished
	}
	waiting := come("new", "of new")
	for endpoint, identity := range map[string]string{"dev": "id", "other": "of other"} {
		select {
		case <-come(endpoint, identity):
		case <-time.After(timeout * 10):
			t.Fatalf("%s is not bootstrapped while the disk is stuck", endpoint)
		}
	}
	if len(waiting) > 0 {
		t.Error("a new key was given away before it was kept")
	}
	close(stuck.released)
	for range 3 {
		<-ended
	}
	check(t, server.Close())
	kept, err := db.Sessions(t.Context(), store.SessionQuery{})
	check(t, err)
	if len(kept) != 3 || len(waiting) != 1 {
		t.Errorf("%d sessions are kept, want 3; the device that needed a key was finished %d times", len(kept), len(waiting))
	}
	for _, s := range kept {
		if s.Cause != store.CauseDone {
			t.Errorf("the session of %s ended with %s: %s", s.Endpoint, s.Cause, s.Detail)
		}
	}
}

// A stuckHistory takes no sessions until it is released.
type stuckHistory struct {
	store.Store
	asked, released chan struct{}
}

func (s *stuckHistory) AppendSession(ctx context.Context, session store.Session) error {
	s.asked <- struct{}{}
	<-s.released
	return s.Store.AppendSession(ctx, session)
}

func (s *stuckHistory) EndSession(ctx context.Context, session store.Session, d store.Device) (store.Device, error) {
	s.asked <- struct{}{}
	<-s.released
	return s.Store.EndSession(ctx, session, d)
}

// A session is running, or in the history: whoever asks in between is not told that the device was
// never seen.
func TestRunningUntilItIsInTheHistory(t *testing.T) {
	db := openBrittle(t, store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coap://a.example", ShortServerID: 101, Security: "nosec"}}})
	stuck := &stuckHistory{Store: db, asked: make(chan struct{}, 1), released: make(chan struct{})}
	server, err := bootstrap.NewServer(bootstrap.Config{Store: stuck})
	check(t, err)
	_, after := server.ServeRequest(t.Context(), newScriptedClient(nil), bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=dev"}})
	if after == nil {
		t.Fatal("it is refused")
	}
	after(t.Context())
	<-stuck.asked
	if s := server.Running("dev"); s == nil || s.Cause != store.CauseDone {
		t.Errorf("while the history waits for the disk the session is %+v", s)
	}
	close(stuck.released)
	for server.ActiveCount() > 0 {
		runtime.Gosched()
	}
	if s := server.Running("dev"); s != nil {
		t.Errorf("it is in the history and is still running: %+v", s)
	}
	check(t, server.Close())
}
