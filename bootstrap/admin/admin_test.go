package admin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap/admin/client"
	"lwbs/bootstrap/admin/replay"
	"lwbs/bootstrap/admin/server"
	"lwbs/bootstrap/admin/socket"
	"lwbs/bootstrap/handover"

	"go.uber.org/goleak"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A rig is a Local, and a Client of a Server over it.
type rig struct {
	local  *admin.Local
	client *client.Client
	log    *logText
	socket string
}

// logText is what was logged.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newRig(t testing.TB) *rig {
	t.Helper()
	if _, is := t.(*testing.T); is { // a benchmark runs within another
		t.Cleanup(func() { goleak.VerifyNone(t) })
	}
	k, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), k, bolt.Options{})
	check(t, err)
	r := &rig{log: new(logText), socket: filepath.Join(t.TempDir(), "s"), local: &admin.Local{Store: db, HandOver: handover.NewServers(db, handover.Options{}), Version: "v", Events: new(admin.Hub)}}
	l, err := socket.Listen(r.socket)
	check(t, err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	log := slog.New(slog.NewTextHandler(r.log, nil))
	go func() { ended <- server.Serve(ctx, l, server.New(r.local, log, nil), 0, log) }()
	r.client, err = client.Dial(t.Context(), r.socket)
	check(t, err)
	t.Cleanup(func() {
		r.client.Close()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the server ended with %v", err)
		}
		r.local.Close()
	})
	_, err = r.local.ApplyProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 7}}}, admin.ApplyOptions{})
	check(t, err)
	return r
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Both ways to the records give the same answers and the same errors.
func TestLocalAndClientAgree(t *testing.T) {
	for _, way := range []string{"local", "client"} {
		t.Run(way, func(t *testing.T) {
			r := newRig(t)
			var api admin.API = r.local
			if way == "client" {
				api = r.client
			}
			testAPI(t, api)
		})
	}
}

func testAPI(t *testing.T, api admin.API) {
	ctx := t.Context()
	const ep = lwm2m.EndpointName("urn:dev:1/a b?c=%d")
	added, err := api.AddDevice(ctx, ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
	check(t, err)
	if len(added.Credentials) != 1 || len(added.Credentials[0].Key) != 32 || len(added.Accounts["main"].Key) != 32 {
		t.Errorf("what was generated is not shown: %d credentials", len(added.Credentials))
	}
	hidden, err := api.Device(ctx, ep, false)
	check(t, err)
	if hidden.Credentials[0].Key != "" || hidden.Accounts["main"].Key != "" || hidden.Credentials[0].KeyLength != 16 {
		t.Errorf("get shows keys, or no length: %+v", hidden.Credentials)
	}
	shown, err := api.Device(ctx, ep, true)
	check(t, err)
	if shown.Credentials[0].Key != added.Credentials[0].Key {
		t.Error("reveal shows another key")
	}
	_, err = api.SetDevice(ctx, ep, 1, admin.DeviceSettings{Note: new("n")})
	check(t, err)
	replaced, err := api.SetDevice(ctx, ep, 0, admin.DeviceSettings{Reset: true, Profile: new("p"), NoSec: new(true)})
	check(t, err)
	if replaced.Note != "" || len(replaced.Credentials) != 0 || !replaced.NoSec || !replaced.Updated.After(replaced.Created) {
		t.Errorf("after a reset: %+v", replaced)
	}
	_, err = api.SetDevice(ctx, ep, 3, admin.DeviceSettings{Note: new("n"), PSK: &admin.PSK{}})
	check(t, err)
	page, err := api.Devices(ctx, admin.DeviceQuery{Limit: 5, DeviceFilter: admin.DeviceFilter{Prefix: "urn:"}})
	check(t, err)
	if len(page) != 1 || page[0].Endpoint != ep || page[0].Note != "n" || page[0].Credentials[0].Key != "" {
		t.Errorf("list: %+v", page)
	}

	for name, e := range map[string]struct {
		err  error
		want error
	}{
		"stale revision": {second(api.SetDevice(ctx, ep, 1, admin.DeviceSettings{})), store.ErrConflict},
		"there already":  {second(api.AddDevice(ctx, ep, admin.DeviceSettings{Profile: new("p")})), store.ErrExists},
		"not there":      {second(api.Device(ctx, "nope", false)), store.ErrNotFound},
		"taken identity": {second(api.AddDevice(ctx, "d2", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Identity: string(ep)}})), store.ErrIdentityTaken},
		"profile in use": {api.DeleteProfile(ctx, "p", 0), store.ErrInUse},
		"no session":     {second(api.Session(ctx, "nope")), store.ErrNotFound},
		"bad name":       {second(api.AddDevice(ctx, "a\x01", admin.DeviceSettings{Profile: new("p")})), store.ErrInvalid},
	} {
		if !errors.Is(e.err, e.want) {
			t.Errorf("%s: error %v, want %v", name, e.err, e.want)
		}
	}
	_, err = api.ApplyProfile(ctx, store.Profile{Name: "bad", Accounts: []store.Account{{Name: "x", URI: "http://a", ShortServerID: 1}}}, admin.ApplyOptions{})
	var invalid *admin.InvalidError
	if !errors.As(err, &invalid) || len(invalid.Findings) == 0 || invalid.Findings[0].Place != "accounts[0].uri" {
		t.Errorf("a bad profile: %v", err)
	}
	check(t, api.Check(ctx))
	st, err := api.Status(ctx)
	check(t, err)
	if st.Version != "v" || st.Store.Devices != 1 {
		t.Errorf("status %+v", st)
	}
	check(t, api.DeleteDevice(ctx, ep, 4))
}

func second[T any](_ T, err error) error { return err }

func TestWritesAreLoggedWithoutKeys(t *testing.T) {
	r := newRig(t)
	d, err := r.client.AddDevice(t.Context(), "dev-1", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
	check(t, err)
	_, err = r.client.Device(t.Context(), "dev-1", true)
	check(t, err)
	log := r.log.String()
	for _, want := range []string{"method=POST", "path=/v1/devices/dev-1", "reveal=true"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s:\n%s", want, log)
		}
	}
	if !strings.Contains(log, "name=") || strings.Contains(log, `name=""`) || !strings.Contains(log, "way=socket") || !strings.Contains(log, `from="pid `) {
		t.Errorf("the log does not say who:\n%s", log)
	}
	if strings.Contains(log, d.Credentials[0].Key) {
		t.Error("the log has a key")
	}
}

func TestWatch(t *testing.T) {
	r := newRig(t)
	if err := (&admin.Local{}).Watch(t.Context(), admin.WatchOptions{}, nil); !errors.Is(err, admin.ErrNoServer) {
		t.Errorf("without a server: %v", err)
	}
	ended := func(n int) bootstrap.Event {
		return bootstrap.Event{Kind: bootstrap.EventEnded, Session: store.Session{ID: fmt.Sprint("s", n), Cause: store.CauseDone}}
	}
	// watch reads n events behind a position, and returns their sessions and where it began and ended.
	watch := func(api admin.API, after replay.Position, n int, began func()) (got []string, at [2]replay.Position) {
		t.Helper()
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		o := admin.WatchOptions{After: after, Began: func(p replay.Position) {
			at[0] = p
			if began != nil {
				began()
			}
		}}
		err := api.Watch(ctx, o, func(e admin.Event) error {
			if at[1] = e.Position; e.Kind == admin.EventMissed {
				got = append(got, fmt.Sprint("missed ", e.Missed))
			} else {
				got = append(got, e.Session.ID)
			}
			if len(got) == n {
				stop()
			}
			return nil
		})
		if err != nil {
			t.Errorf("watch ended with %v", err)
		}
		return got, at
	}
	for name, api := range map[string]admin.API{"local": r.local, "client": r.client} {
		t.Run(name, func(t *testing.T) {
			got, at := watch(api, 0, 1, func() { r.local.Events.Observe(ended(1)) })
			if !slices.Equal(got, []string{"s1"}) || at[1] != at[0]+1 {
				t.Errorf("%v at %v", got, at)
			}
			r.local.Events.Observe(ended(2))
			r.local.Events.Observe(ended(3))
			if got, again := watch(api, at[1], 2, nil); !slices.Equal(got, []string{"s2", "s3"}) || again[0] != at[1] {
				t.Errorf("who comes back is told of %v at %v", got, again)
			}
			for i := range 2000 {
				r.local.Events.Observe(ended(i))
			}
			got, _ = watch(api, at[1], 2, nil)
			if len(got) < 2 || got[0] != "missed 978" || got[1] != "s976" {
				t.Errorf("who was away for long is told of %v", got)
			}
			if got, _ = watch(api, 7, 2, nil); len(got) < 2 || got[0] != "missed 0" || got[1] != "s976" {
				t.Errorf("who comes from another server is told of %v", got)
			}
		})
	}
}
