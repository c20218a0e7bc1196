package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

func session(n int, ep string, cause store.Cause) store.Session {
	return store.Session{ID: fmt.Sprintf("%06d", n), Endpoint: lwm2m.EndpointName(ep), Known: ep != "" && ep[0] != '?', Cause: cause, Identity: "id-" + ep}
}

func ids(sessions []store.Session) (out []string) {
	for _, s := range sessions {
		out = append(out, s.ID)
	}
	return out
}

// settle has a store cut its history to the limits of all devices that does so only now and then.
func settle(t *testing.T, s store.Store) {
	t.Helper()
	if now, ok := s.(interface{ Tidy(context.Context) error }); ok {
		want(t, now.Tidy(t.Context()), nil)
	}
}

func testSessionPages(t *testing.T, s store.Store) {
	ctx := t.Context()
	if last := must[string](t)(s.LastSession(ctx)); last != "" {
		t.Errorf("the last of no sessions is %q", last)
	}
	for i := range 12 {
		cause := store.CauseDone
		if i%3 == 0 {
			cause = store.CauseRefused
		}
		ep := fmt.Sprintf("dev-%d", i%4)
		if err := s.AppendSession(ctx, session(i, ep, cause)); err != nil {
			t.Fatal(err)
		}
	}
	if last := must[string](t)(s.LastSession(ctx)); last != "000011" {
		t.Errorf("the last session is %q", last)
	}
	for _, limit := range []int{1, 5, 12, 20} {
		var got []string
		q := store.SessionQuery{Limit: limit}
		for {
			page := must[[]store.Session](t)(s.Sessions(ctx, q))
			if len(page) == 0 {
				break
			}
			got = append(got, ids(page)...)
			q.Before = page[len(page)-1].ID
		}
		if len(got) != 12 || !slices.IsSortedFunc(got, func(a, b string) int { return -compare(a, b) }) {
			t.Errorf("pages of %d give %v", limit, got)
		}
	}
	tests := []struct {
		q    store.SessionQuery
		want string
	}{
		{store.SessionQuery{Endpoint: "dev-1"}, "[000009 000005 000001]"},
		{store.SessionQuery{Identity: "id-dev-2"}, "[000010 000006 000002]"},
		{store.SessionQuery{Failed: true}, "[000009 000006 000003 000000]"},
		{store.SessionQuery{Endpoint: "dev-1", Failed: true}, "[000009]"},
		{store.SessionQuery{Endpoint: "dev-1", Before: "000009"}, "[000005 000001]"},
		{store.SessionQuery{Endpoint: "dev"}, "[]"},
	}
	for _, tt := range tests {
		got := ids(must[[]store.Session](t)(s.Sessions(ctx, tt.q)))
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%+v gives %v, want %s", tt.q, got, tt.want)
		}
	}
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func testSessionLimits(t *testing.T, s store.Store) {
	ctx := t.Context()
	n := 0
	add := func(ep string) {
		n++
		if err := s.AppendSession(ctx, session(n, ep, store.CauseRefused)); err != nil {
			t.Fatal(err)
		}
	}
	for range SessionsPerDevice + 3 {
		add("dev")
	}
	if got := ids(must[[]store.Session](t)(s.Sessions(ctx, store.SessionQuery{Endpoint: "dev"}))); fmt.Sprint(got) != "[000008 000007 000006 000005 000004]" {
		t.Errorf("of one device are kept %v", got)
	}
	for i := range 3 * UnknownSessions {
		add(fmt.Sprintf("?unknown-%d", i))
	}
	for range 2 * UnknownSessions {
		add("")
	}
	settle(t, s)
	all := must[[]store.Session](t)(s.Sessions(ctx, store.SessionQuery{}))
	if len(all) != SessionsPerDevice+UnknownSessions {
		t.Errorf("%d sessions are kept, want %d of the device and %d of unknown devices", len(all), SessionsPerDevice, UnknownSessions)
	}
	for i := range 2 * Sessions {
		add(fmt.Sprintf("dev-%d", i))
	}
	settle(t, s)
	all = must[[]store.Session](t)(s.Sessions(ctx, store.SessionQuery{Limit: 1000}))
	if len(all) != Sessions+UnknownSessions {
		t.Errorf("%d sessions are kept, want %d", len(all), Sessions+UnknownSessions)
	}
}

func testSessionReplaced(t *testing.T, s store.Store) {
	ctx := t.Context()
	for _, cause := range []store.Cause{store.CauseRefused, store.CauseDone} {
		if err := s.AppendSession(ctx, session(1, "dev", cause)); err != nil {
			t.Fatal(err)
		}
	}
	if got := must[store.Session](t)(s.Session(ctx, "000001")); got.Cause != store.CauseDone {
		t.Errorf("cause %s", got.Cause)
	}
	if failed := must[[]store.Session](t)(s.Sessions(ctx, store.SessionQuery{Failed: true})); len(failed) != 0 {
		t.Errorf("the replaced one is still listed as failed: %v", ids(failed))
	}
}

// A session and what it leaves on the record of its device are kept together, or not at all.
func testSessionEnd(t *testing.T, s store.Store) {
	ctx := t.Context()
	must[store.Profile](t)(s.PutProfile(ctx, store.Profile{Name: "p"}))
	first := must[store.Device](t)(s.PutDevice(ctx, device("dev", "id-dev")))
	other := must[store.Device](t)(s.PutDevice(ctx, device("other", "id-other")))

	next := first.Clone()
	next.Note = "bootstrapped"
	kept := must[store.Device](t)(s.EndSession(ctx, session(1, "dev", store.CauseDone), next))
	if read := must[store.Device](t)(s.Device(ctx, "dev")); kept.Revision != first.Revision+1 || kept.Note != next.Note || read.Note != next.Note || read.Revision != kept.Revision {
		t.Errorf("kept %+v, and read %+v", kept, read)
	}
	if got := must[store.Session](t)(s.Session(ctx, "000001")); got.Cause != store.CauseDone {
		t.Errorf("the session is %+v", got)
	}
	if outlines := must[[]store.DeviceOutline](t)(s.DeviceOutlines(ctx, store.DeviceQuery{})); len(outlines) != 2 || outlines[0].Newest.Cause != store.CauseDone {
		t.Errorf("the outlines do not tell of the session: %+v", outlines)
	}

	for name, tt := range map[string]struct {
		change func(*store.Device)
		id     string
		want   error
	}{
		"an older revision":     {func(d *store.Device) { d.Revision = first.Revision }, "2", store.ErrConflict},
		"a device deleted":      {func(d *store.Device) { d.Endpoint = "gone" }, "2", store.ErrNotFound},
		"an identity of others": {func(d *store.Device) { d.Credentials = other.Credentials }, "2", store.ErrIdentityTaken},
		"a record not valid":    {func(d *store.Device) { d.Credentials = append(d.Credentials, d.Credentials...) }, "2", store.ErrInvalid},
		"a session without ID":  {func(*store.Device) {}, "", store.ErrInvalid},
	} {
		d := kept.Clone()
		d.Note = name
		tt.change(&d)
		end := session(2, "dev", store.CauseDone)
		if tt.id == "" {
			end.ID = ""
		}
		_, err := s.EndSession(ctx, end, d)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
		if read := must[store.Device](t)(s.Device(ctx, "dev")); read.Note != kept.Note || read.Revision != kept.Revision {
			t.Errorf("%s: the device is %+v", name, read)
		}
		if _, err := s.Session(ctx, "000002"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: there is a session: %v", name, err)
		}
	}

	again := kept.Clone()
	again.Note = "again"
	must[store.Device](t)(s.EndSession(ctx, session(1, "dev", store.CauseRefused), again)) // with the same ID
	if all := must[[]store.Session](t)(s.Sessions(ctx, store.SessionQuery{})); len(all) != 1 || all[0].Cause != store.CauseRefused {
		t.Errorf("the sessions are %+v", all)
	}
}
