package bootstrap_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A halfRead store cannot read some of its records.
type halfRead struct {
	store.Store
	device, profile string
}

func (s halfRead) Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	if string(ep) == s.device {
		return store.Device{}, unread(store.KindDevice, s.device)
	}
	return s.Store.Device(ctx, ep)
}

func (s halfRead) DeviceByIdentity(ctx context.Context, kind store.CredentialKind, identity string) (store.Device, error) {
	if identity == "id of "+s.device {
		return store.Device{}, unread(store.KindDevice, s.device)
	}
	return s.Store.DeviceByIdentity(ctx, kind, identity)
}

func (s halfRead) Profile(ctx context.Context, name string) (store.Profile, error) {
	if name == s.profile {
		return store.Profile{}, unread(store.KindProfile, s.profile)
	}
	return s.Store.Profile(ctx, name)
}

func unread(kind, key string) error {
	return fmt.Errorf("%s %q: %w", kind, key, &store.UnreadableError{Bucket: kind, Key: key, Err: fmt.Errorf("%w: its checksum is wrong", store.ErrCorrupt)})
}

// A device whose record, or whose profile, cannot be read is told apart from all that
// devices can do wrong, and put down to it; the others are served.
func TestUnreadableRecords(t *testing.T) {
	keyring, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	defer db.Close()
	for _, name := range []string{"p", "lost"} {
		_, err = db.PutProfile(t.Context(), store.Profile{Name: name, Accounts: []store.Account{{Name: "a", URI: "coap://lwm2m.example", ShortServerID: 1, Lifetime: new(store.Duration(time.Hour))}}})
		check(t, err)
		_, err = db.PutDevice(t.Context(), store.Device{Endpoint: lwm2m.EndpointName("with " + name), Profile: name, NoSec: true})
		check(t, err)
	}
	server, err := bootstrap.NewServer(bootstrap.Config{Store: halfRead{db, "hurt", "lost"}})
	check(t, err)

	if key, err := server.PSK("id of hurt"); err != nil || !key.IsZero() {
		t.Error("there is a key for the identity of a record that cannot be read")
	}
	server.HandshakeFailed(auth.Handshake{Started: time.Now(), Remote: "192.0.2.1:1", Identity: "id of hurt"})
	ask := func(ep string, want lwm2m.Code) {
		t.Helper()
		c := &scriptedClient{plain: true}
		ctx, gone := context.WithCancel(t.Context())
		resp, after := server.ServeRequest(ctx, c, bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: []string{"ep=" + ep}})
		if resp.Code != want {
			t.Errorf("%s is answered with %v, want %v", ep, resp.Code, want)
		}
		gone()
		if after != nil {
			after(ctx)
		}
	}
	ask("hurt", lwm2m.CodeInternalServerError)
	ask("with lost", lwm2m.CodeInternalServerError)
	ask("with p", lwm2m.CodeChanged)
	check(t, server.Close())

	for _, ep := range []lwm2m.EndpointName{"hurt", "with lost"} {
		kept, err := db.Sessions(t.Context(), store.SessionQuery{Endpoint: ep, Limit: 1})
		check(t, err)
		if len(kept) != 1 || kept[0].Cause != store.CauseUnreadable || !kept[0].Known {
			t.Errorf("of %s the history has %+v", ep, kept)
		}
	}
}
