//go:build interop

package interop_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A keeper keeps one association for all bootstraps of a device.
type keeper struct {
	bootstrap.Conn

	mu      sync.Mutex
	handler bootstrap.Handler // of the bootstrap that is under way; guarded by mu
}

// ServeRequest implements [bootstrap.Handler].
func (k *keeper) ServeRequest(ctx context.Context, c bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	k.mu.Lock()
	h := k.handler
	k.mu.Unlock()
	return h.ServeRequest(ctx, c, r)
}

// Close implements [bootstrap.Conn]: the association goes on.
func (k *keeper) Close() error { return nil }

// dial is for [sim.Config].
func (k *keeper) dial(_ context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.handler = h
	return k, nil
}

// Our own device keeps its association beyond all times of the server, which are short
// here: after each bootstrap, and after a request that led to none. With a connection ID it
// comes back from another port each time.
func TestKeptByOurs(t *testing.T) {
	for name, cid := range map[string]*int{"without connection ID": nil, "with none of its own": new(0), "with one of its own": new(6)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const endpoint, key = "urn:dev:os:meter-1", "0123456789abcdef"
			listener, db := listenHere(t, endpoint, key)
			nat := newNAT(t, "coaps://"+listener.Addr().String())
			k := new(keeper)
			cfg := coap.DialConfig{Handler: k, Identity: endpoint, Key: lwm2m.NewSecret([]byte(key)), OfferCID: cid != nil}
			if cid != nil {
				cfg.OwnCID = *cid
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var err error
			if k.Conn, err = coap.DialDTLS(ctx, nat.front.LocalAddr().String(), cfg); err != nil {
				t.Fatal(err)
			}
			defer k.Conn.Close()
			const rounds = 3
			for round := range rounds {
				if _, err := sim.Run(ctx, sim.Config{Endpoint: endpoint, SessionTimeout: patience, Dial: k.dial}); err != nil {
					t.Fatalf("bootstrap %d: %v", round+1, err)
				}
				rests(t, listener)
				move(nat, cid)
				if answer, err := k.Do(ctx, bootstrap.Request{Method: bootstrap.GET, Path: []string{"nothing"}}); err != nil || answer.Code != lwm2m.CodeNotFound {
					t.Fatalf("something else was answered by %v, %v", answer.Code, err)
				}
				rests(t, listener)
				move(nat, cid)
			}
			checkHistory(t, db, endpoint, rounds)
			if n, woken := nat.handshakes(), listener.Counters().Woken; n != 1 || woken != 2*rounds-1 {
				t.Errorf("%d handshakes, woken %d times; want 1 and %d", n, woken, 2*rounds-1)
			}
		})
	}
}

// move moves a device that has a connection ID.
func move(n *nat, cid *int) {
	if cid != nil {
		n.move()
	}
}

// listenHere runs a Bootstrap-Server in this process that knows one device.
func listenHere(t *testing.T, endpoint lwm2m.EndpointName, key string) (*coap.Listener, store.Store) {
	t.Helper()
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	_, err1 := db.PutProfile(t.Context(), store.Profile{Name: "meter", Accounts: []store.Account{{Name: "main", URI: "coaps://127.0.0.1:5684", ShortServerID: 101}}})
	_, err2 := db.PutDevice(t.Context(), store.Device{Endpoint: endpoint, Profile: "meter", Credentials: []store.Credential{
		{Kind: store.CredentialPSK, Identity: string(endpoint), Key: lwm2m.NewSecret([]byte(key))}}})
	server, err3 := bootstrap.NewServer(bootstrap.Config{Store: db})
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { server.Close() })
	listener, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{Handler: server, PSK: server.PSK, HandshakeFailed: server.HandshakeFailed,
		IdleTimeout: 300 * time.Millisecond, DTLS: coap.DTLSConfig{NoRequest: server.NoRequest}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener, db
}

// rests waits until the one association of a listener hibernates.
func rests(t *testing.T, l *coap.Listener) {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(patience)
	for l.Hibernated() != 1 || l.Peers() != 0 {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%d associations hibernate, %d are active", l.Hibernated(), l.Peers())
		}
	}
}

// checkHistory looks at the sessions of a device, of which there are n, all done.
func checkHistory(t *testing.T, db store.Store, endpoint lwm2m.EndpointName, n int) {
	t.Helper()
	sessions, err := db.Sessions(t.Context(), store.SessionQuery{Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	done := 0
	for _, s := range sessions {
		if s.Cause == store.CauseDone {
			done++
		}
	}
	if done != n {
		t.Errorf("%d sessions are done, want %d: %+v", done, n, sessions)
	}
}
