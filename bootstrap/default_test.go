package bootstrap_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
	"lwbs/store"
)

// These tests measure what docs/operations.md says of the defaults.

// A fleet is a store that has every device, each with its name as its PSK identity, and no disk.
type fleet struct {
	store.Store
	profile store.Profile
	hangs   bool // PutDevice does not return before its context ends

	mu    sync.Mutex
	ended map[lwm2m.EndpointName][]store.Session // guarded by mu
}

func newFleet() *fleet {
	return &fleet{
		profile: store.Profile{Name: "p", Revision: 1, Accounts: []store.Account{{Name: "a", URI: "coap://a.example", ShortServerID: 101, Security: "nosec"}}},
		ended:   make(map[lwm2m.EndpointName][]store.Session),
	}
}

func (f *fleet) Device(_ context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	if strings.HasPrefix(string(ep), "unknown") {
		return store.Device{}, store.ErrNotFound
	}
	return store.Device{Endpoint: ep, Profile: "p", Revision: 1, NoSec: true, Credentials: []store.Credential{psk(string(ep))}}, nil
}

func (f *fleet) DeviceByIdentity(ctx context.Context, _ store.CredentialKind, identity string) (store.Device, error) {
	return f.Device(ctx, lwm2m.EndpointName(identity))
}

func (f *fleet) Profile(context.Context, string) (store.Profile, error) { return f.profile, nil }

func (f *fleet) Revisions(context.Context, lwm2m.EndpointName) (store.Revisions, error) {
	return store.Revisions{Device: 1, Profile: "p", ProfileRevision: 1}, nil
}

func (f *fleet) PutDevice(ctx context.Context, d store.Device) (store.Device, error) {
	if f.hangs {
		<-ctx.Done()
		return d, ctx.Err()
	}
	return d, nil
}

func (f *fleet) Groups(context.Context) (store.Groups, error) { return store.Groups{}, nil }

func (f *fleet) PendingDevices(context.Context) ([]store.PendingDevice, error) { return nil, nil }

func (f *fleet) LastSession(context.Context) (string, error) { return "", nil }

func (f *fleet) Sessions(context.Context, store.SessionQuery) ([]store.Session, error) {
	return nil, nil
}

func (f *fleet) EndSession(ctx context.Context, s store.Session, d store.Device) (store.Device, error) {
	kept, err := f.PutDevice(ctx, d)
	if err == nil {
		err = f.AppendSession(ctx, s)
	}
	return kept, err
}

func (f *fleet) AppendSession(_ context.Context, s store.Session) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended[s.Endpoint] = append(f.ended[s.Endpoint], s)
	return nil
}

// last is how the last attempt of a device ended, empty where none has.
func (f *fleet) last(ep lwm2m.EndpointName) store.Cause {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.ended[ep]); n > 0 {
		return f.ended[ep][n-1].Cause
	}
	return ""
}

// withFleet runs f with a server that has the defaults, in a bubble where time takes none.
func withFleet(t *testing.T, f *fleet, test func(t *testing.T, server *bootstrap.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server, err := bootstrap.NewServer(bootstrap.Config{Store: f})
		check(t, err)
		test(t, server)
		check(t, server.Close())
	})
}

// asks lets a device ask to bootstrap, and go on by itself.
func asks(t *testing.T, server *bootstrap.Server, ep string, c *scriptedClient) lwm2m.Code {
	t.Helper()
	c.identity = ep
	resp, after := server.ServeRequest(t.Context(), c, post("bs", "ep="+ep))
	if after != nil {
		go after(context.WithoutCancel(t.Context()))
	}
	return resp.Code
}

// hanging is a client that does not answer Discover.
func hanging() *scriptedClient { return newScriptedClient(map[string][]any{"GET /": {endless{}}}) }

// A session ends 240 s after its request.
func TestDurationOfASessionByDefault(t *testing.T) {
	f := newFleet()
	withFleet(t, f, func(t *testing.T, server *bootstrap.Server) {
		asks(t, server, "dev", hanging())
		time.Sleep(240*time.Second - time.Nanosecond)
		if cause := f.last("dev"); cause != "" {
			t.Errorf("it ends early, with %s", cause)
		}
		time.Sleep(time.Nanosecond)
		if cause := f.last("dev"); cause != store.CauseDeadline {
			t.Errorf("after 240 s it ends with %q", cause)
		}
	})
}

// A device begins five sessions within a minute.
func TestSessionsOfOneDeviceByDefault(t *testing.T) {
	f := newFleet()
	withFleet(t, f, func(t *testing.T, server *bootstrap.Server) {
		began := time.Now()
		for range 5 {
			if code := asks(t, server, "dev", newScriptedClient(nil)); code != lwm2m.CodeChanged {
				t.Fatalf("answered with %v", code)
			}
			if cause := f.last("dev"); cause != store.CauseDone {
				t.Fatalf("a session ends with %s", cause)
			}
			time.Sleep(time.Second)
		}
		time.Sleep(time.Until(began.Add(time.Minute - time.Nanosecond)))
		if code := asks(t, server, "dev", newScriptedClient(nil)); code != lwm2m.CodeServiceUnavailable || f.last("dev") != store.CauseRateLimited {
			t.Errorf("the sixth is answered with %v, cause %q", code, f.last("dev"))
		}
		time.Sleep(time.Nanosecond)
		if code := asks(t, server, "dev", newScriptedClient(nil)); code != lwm2m.CodeChanged {
			t.Errorf("a minute after the first it is answered with %v", code)
		}
	})
}

// An answer of 16 KiB is taken, and one of a byte more is not fetched to its end.
func TestAnswerOfADeviceIsBounded(t *testing.T) {
	for size, want := range map[int]store.Cause{16 << 10: store.CauseDone, 16<<10 + 1: store.CauseAnswerTooLarge} {
		f := newFleet()
		withFleet(t, f, func(t *testing.T, server *bootstrap.Server) {
			const head, tail = `</>;lwm2m=1.1,</0/0>,</3/0>;x="`, `"`
			text := head + strings.Repeat("x", size-len(head)-len(tail)) + tail
			asks(t, server, "dev", newScriptedClient(map[string][]any{"GET /": {limited(text)}}))
			if cause := f.last("dev"); cause != want {
				t.Errorf("after an answer of %d bytes the session ends with %q, want %q", size, cause, want)
			}
		})
	}
}

// A session deletes 256 Instances; one that had to delete more deletes none.
func TestDeletesOfASessionAreBounded(t *testing.T) {
	for n, want := range map[int]store.Cause{256: store.CauseDone, 257: store.CauseAnswerTooLarge} {
		f := newFleet()
		withFleet(t, f, func(t *testing.T, server *bootstrap.Server) {
			var links strings.Builder
			links.WriteString(`</>;lwm2m=1.1,</0/0>`)
			for i := range n {
				fmt.Fprintf(&links, ",</0/%d>;ssid=%d", i+1, i+1000)
			}
			c := newScriptedClient(map[string][]any{"GET /": {bootstrap.Response{Code: lwm2m.CodeContent, Payload: []byte(links.String())}}})
			asks(t, server, "dev", c)
			cause, deletes := f.last("dev"), 0
			for _, request := range c.requests() {
				if strings.HasPrefix(request, "DELETE") {
					deletes++
				}
			}
			if cause != want || deletes != map[bool]int{true: n, false: 0}[want == store.CauseDone] {
				t.Errorf("of %d Instances %d are deleted, and the session ends with %q, want %q", n, deletes, cause, want)
			}
		})
	}
}

// Peers that proved nothing cause 600 records a minute under the names of devices, and 60 as unknown ones.
func TestRecordsOfUnauthenticatedPeersByDefault(t *testing.T) {
	for kind, want := range map[string]int{"dev": 600, "unknown": 60} {
		f := newFleet()
		withFleet(t, f, func(t *testing.T, server *bootstrap.Server) {
			for i := range 1000 {
				server.HandshakeFailed(auth.Handshake{Started: time.Now(), Remote: fmt.Sprintf("10.%d.%d.1:7", i>>8, i&0xff), Identity: fmt.Sprint(kind, "-", i)})
			}
			synctest.Wait()
			f.mu.Lock()
			defer f.mu.Unlock()
			kept := 0
			for _, sessions := range f.ended {
				for _, s := range sessions {
					if s.Network == "" {
						kept++
					}
				}
			}
			if kept != want {
				t.Errorf("%s: %d records, want %d", kind, kept, want)
			}
		})
	}
}

// A session waits 10 s for the disk to keep a new key.
func TestEditOfTheDatabaseIsBounded(t *testing.T) {
	f := newFleet()
	f.hangs = true
	f.profile.Accounts[0] = store.Account{Name: "a", URI: "coaps://a.example", ShortServerID: 101, Security: "psk", Key: store.KeyRenew}
	withFleet(t, f, func(t *testing.T, server *bootstrap.Server) {
		asks(t, server, "dev", newScriptedClient(nil))
		time.Sleep(10*time.Second - time.Nanosecond)
		if cause := f.last("dev"); cause != "" {
			t.Errorf("it ends early, with %s", cause)
		}
		time.Sleep(time.Nanosecond)
		if cause := f.last("dev"); cause != store.CauseInternal {
			t.Errorf("after 10 s it ends with %q", cause)
		}
	})
}
