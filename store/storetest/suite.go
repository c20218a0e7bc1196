// Package storetest is the suite that every backend of package store passes.
package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Backend is one implementation of [store.Store] under test.
type Backend struct {
	// Open returns an empty store with the limits below; the suite closes it. Required.
	Open func(t *testing.T) store.Store

	// Reopen opens the data of a closed store. Nil skips what needs it.
	Reopen func(t *testing.T, closed store.Store) store.Store
}

// The limits that Open sets: of sessions of one device and of all devices, of sessions of peers that
// proved nothing in the same way, of sessions of unknown devices, and of associations.
const (
	SessionsPerDevice = 5
	Sessions          = 50
	UnprovedPerDevice = 3
	UnprovedSessions  = 20
	UnknownSessions   = 10
	Associations      = 30
)

// Run checks the promises of [store.Store]. Each case opens its own store, so that cases are
// independent.
func Run(t *testing.T, b Backend) {
	cases := []struct {
		name string
		test func(*testing.T, store.Store)
	}{
		{"Missing", testMissing},
		{"DeviceRoundTrip", testDeviceRoundTrip},
		{"Revisions", testRevisions},
		{"RevisionsAfterEdits", testRevisionsAfterEdits},
		{"ConcurrentPuts", testConcurrentPuts},
		{"Identities", testIdentities},
		{"PutDevices", testPutDevices},
		{"DevicePages", testDevicePages},
		{"DeviceFilters", testDeviceFilters},
		{"DeviceSample", testDeviceSample},
		{"DeviceOutlines", testDeviceOutlines},
		{"Profiles", testProfiles},
		{"ProfilesAllOrNone", testProfilesAllOrNone},
		{"ProfileInUse", testProfileInUse},
		{"ProfileRevisions", testProfileRevisions},
		{"Groups", testGroups},
		{"GroupInUse", testGroupInUse},
		{"Enrolment", testEnrolment},
		{"EnrolmentsAtOnce", testEnrolmentsAtOnce},
		{"InvalidGroups", testInvalidGroups},
		{"LwM2MServers", testLwM2MServers},
		{"LwM2MServerInUse", testLwM2MServerInUse},
		{"NoAliases", testNoAliases},
		{"InvalidRecords", testInvalidRecords},
		{"SessionPages", testSessionPages},
		{"SessionLimits", testSessionLimits},
		{"SessionReplaced", testSessionReplaced},
		{"SessionShares", testSessionShares},
		{"ClaimedNames", testClaimedNames},
		{"Rename", testRename},
		{"RenameRefused", testRenameRefused},
		{"RenameMovesHistory", testRenameMovesHistory},
		{"NearDevices", testNearDevices},
		{"NamesBeginning", testNamesBeginning},
		{"PendingDevices", testPendingDevices},
		{"InvalidPendingDevices", testInvalidPendingDevices},
		{"Stats", testStats},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := b.Open(t)
			defer s.Close()
			c.test(t, s)
		})
	}
	t.Run("Closed", func(t *testing.T) { testClosed(t, b.Open(t)) })
	if b.Reopen != nil {
		t.Run("Durability", func(t *testing.T) { testDurability(t, b) })
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error %v, want %v", err, target)
	}
}

// withProfile puts an empty profile for devices to refer to.
func withProfile(t *testing.T, s store.Store, name string) {
	t.Helper()
	must[store.Profile](t)(s.PutProfile(t.Context(), store.Profile{Name: name}))
}

func device(ep string, identities ...string) store.Device {
	d := store.Device{Endpoint: lwm2m.EndpointName(ep), Profile: "p"}
	for _, id := range identities {
		d.Credentials = append(d.Credentials, store.Credential{Kind: store.CredentialPSK, Identity: id, Key: lwm2m.NewSecret([]byte("key of " + id))})
	}
	return d
}

func testMissing(t *testing.T, s store.Store) {
	_, err := s.Device(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.DeviceByIdentity(t.Context(), store.CredentialPSK, "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Revisions(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Profile(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Group(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	_, err = s.Session(t.Context(), "x")
	want(t, err, store.ErrNotFound)
	want(t, s.DeleteDevice(t.Context(), "x", 0), store.ErrNotFound)
	want(t, s.DeleteProfile(t.Context(), "x", 0), store.ErrNotFound)
	want(t, s.DeleteGroup(t.Context(), "x", 0), store.ErrNotFound)
	_, err = s.PutDevice(t.Context(), device("d"))
	want(t, err, store.ErrNotFound) // its profile
}

func testDeviceRoundTrip(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	in := device("urn:dev:1/ä", "id\x00\xff")
	in.Disabled, in.NoSec, in.Note, in.Format = true, true, "a note", lwm2m.FormatSenMLCBOR
	in.Vars, in.Tags = map[string]string{"a": "b"}, []string{"t1", "t2"}
	in.Accounts = map[string]store.AccountKeys{"main": {Identity: "i", Key: lwm2m.NewSecret([]byte("k")), Pending: lwm2m.NewSecret([]byte("p")), Delivered: time.Unix(7, 0).UTC()}}
	in.Secrets = map[lwm2m.Path]lwm2m.Secret{lwm2m.ResourcePath(11, 0, 6): lwm2m.NewSecret([]byte("s"))}
	before := time.Now()
	kept := must[store.Device](t)(s.PutDevice(t.Context(), in))
	if kept.Revision != 1 || kept.Created.Before(before) || !kept.Created.Equal(kept.Updated) {
		t.Errorf("kept with revision %d, created %v, updated %v", kept.Revision, kept.Created, kept.Updated)
	}
	got := must[store.Device](t)(s.Device(t.Context(), in.Endpoint))
	a := got.Accounts["main"]
	switch {
	case string(got.Credentials[0].Key.Reveal()) != "key of id\x00\xff" || got.Credentials[0].Identity != "id\x00\xff":
		t.Error("credential changed")
	case !reflect.DeepEqual(a, in.Accounts["main"]):
		t.Error("account keys changed")
	case !reflect.DeepEqual(got.Secrets, in.Secrets):
		t.Error("secrets changed")
	case !got.Disabled || !got.NoSec || got.Note != in.Note || got.Format != in.Format || got.Vars["a"] != "b" || !slices.Equal(got.Tags, in.Tags):
		t.Errorf("changed: %+v", got)
	}
}

func testConcurrentPuts(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	d := must[store.Device](t)(s.PutDevice(t.Context(), device("d")))
	const writers = 16
	var wg sync.WaitGroup
	results := make(chan error, writers)
	for i := range writers {
		wg.Go(func() {
			mine := d
			mine.Note = fmt.Sprint(i)
			_, err := s.PutDevice(t.Context(), mine)
			results <- err
		})
	}
	wg.Wait()
	won := 0
	for range writers {
		if err := <-results; err == nil {
			won++
		} else {
			want(t, err, store.ErrConflict)
		}
	}
	if won != 1 {
		t.Errorf("%d writers won the same revision", won)
	}
}

func testIdentities(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	a := must[store.Device](t)(s.PutDevice(ctx, device("a", "one", "two")))
	_, err := s.PutDevice(ctx, device("b", "two"))
	want(t, err, store.ErrIdentityTaken)
	if _, err := s.Device(ctx, "b"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the refused edit left a trace: %v", err)
	}
	if got := must[store.Device](t)(s.DeviceByIdentity(ctx, store.CredentialPSK, "two")); got.Endpoint != "a" {
		t.Errorf("identity two is of %q", got.Endpoint)
	}
	named := must[store.Device](t)(s.PutDevice(ctx, store.Device{Endpoint: "c", Profile: "p", Credentials: []store.Credential{
		{Kind: store.CredentialCertificateName, Identity: "two"},
		{Kind: store.CredentialCertificate, Identity: store.Fingerprint([]byte("two"))},
	}}))
	for _, c := range named.Credentials {
		if got := must[store.Device](t)(s.DeviceByIdentity(ctx, c.Kind, c.Identity)); got.Endpoint != "c" || !got.Credentials[0].Key.IsZero() {
			t.Errorf("%s %q is of %q", c.Kind, c.Identity, got.Endpoint)
		}
	}
	a.Credentials = a.Credentials[:1]
	must[store.Device](t)(s.PutDevice(ctx, a))
	must[store.Device](t)(s.PutDevice(ctx, device("b", "two")))
	if err := s.DeleteDevice(ctx, "b", 0); err != nil {
		t.Fatal(err)
	}
	_, err = s.DeviceByIdentity(ctx, store.CredentialPSK, "two")
	want(t, err, store.ErrNotFound)
}

func testDevicePages(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	var all []lwm2m.EndpointName
	for i := range 23 {
		d := device(fmt.Sprintf("dev-%02d", i))
		must[store.Device](t)(s.PutDevice(t.Context(), d))
		all = append(all, d.Endpoint)
	}
	for _, limit := range []int{1, 2, 7, 22, 23, 24, 0} {
		var got []lwm2m.EndpointName
		q := store.DeviceQuery{Limit: limit}
		for {
			page := must[[]store.Device](t)(s.Devices(t.Context(), q))
			for _, d := range page {
				got = append(got, d.Endpoint)
			}
			if len(page) == 0 || limit == 0 {
				break
			}
			q.After = page[len(page)-1].Endpoint
		}
		if !slices.Equal(got, all) {
			t.Errorf("pages of %d give %v", limit, got)
		}
	}
}

func testDeviceFilters(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	withProfile(t, s, "q")
	for i := range 12 {
		d := device(fmt.Sprintf("%c-%02d", 'a'+rune(i%2), i))
		if i%3 == 0 {
			d.Tags = []string{"third"}
		}
		if i%4 == 0 {
			d.Profile = "q"
		}
		must[store.Device](t)(s.PutDevice(t.Context(), d))
	}
	tests := []struct {
		q    store.DeviceQuery
		want string
	}{
		{store.DeviceQuery{Tag: "third"}, "[a-00 a-06 b-03 b-09]"},
		{store.DeviceQuery{Profile: "q"}, "[a-00 a-04 a-08]"},
		{store.DeviceQuery{Prefix: "b-0"}, "[b-01 b-03 b-05 b-07 b-09]"},
		{store.DeviceQuery{Tag: "third", Profile: "q"}, "[a-00]"},
		{store.DeviceQuery{Tag: "third", Prefix: "b"}, "[b-03 b-09]"},
		{store.DeviceQuery{Profile: "p", Prefix: "a", After: "a-02"}, "[a-06 a-10]"},
		{store.DeviceQuery{Tag: "thir"}, "[]"},
		{store.DeviceQuery{Profile: "of-none"}, "[]"},
		{store.DeviceQuery{Prefix: "b", After: "b-03", Limit: 2}, "[b-05 b-07]"},
	}
	for _, tt := range tests {
		got := []lwm2m.EndpointName{}
		for _, d := range must[[]store.Device](t)(s.Devices(t.Context(), tt.q)) {
			got = append(got, d.Endpoint)
		}
		if fmt.Sprint(got) != tt.want {
			t.Errorf("%+v gives %v, want %s", tt.q, got, tt.want)
		}
	}
}

func testDeviceSample(t *testing.T, s store.Store) {
	for _, p := range []string{"p", "p2", "none"} {
		must[store.Profile](t)(s.PutProfile(t.Context(), store.Profile{Name: p}))
	}
	for i := range 10 {
		must[store.Device](t)(s.PutDevice(t.Context(), store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("d%d", i)), Profile: "p"}))
		must[store.Device](t)(s.PutDevice(t.Context(), store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("e%d", i)), Profile: "p2"}))
	}
	for _, tt := range []struct {
		profile string
		n       int
		total   int
		want    string
	}{
		{"p", 0, 10, "[]"}, {"p", 1, 10, "[d0]"}, {"p", 2, 10, "[d0 d9]"}, {"p", 4, 10, "[d0 d3 d6 d9]"},
		{"p", 100, 10, "[d0 d1 d2 d3 d4 d5 d6 d7 d8 d9]"}, {"p2", 2, 10, "[e0 e9]"}, {"none", 5, 0, "[]"}, {"nope", 5, 0, "[]"},
	} {
		total, names, err := s.DeviceSample(t.Context(), tt.profile, tt.n)
		if err != nil || total != tt.total || fmt.Sprint(names) != tt.want {
			t.Errorf("%d of %s: %v of %d, %v; want %s of %d", tt.n, tt.profile, names, total, err, tt.want, tt.total)
		}
	}
}

func testProfiles(t *testing.T, s store.Store) {
	ctx := t.Context()
	in := store.Profile{Name: "p", Accounts: []store.Account{{Name: "main", URI: "coaps://a", ShortServerID: 7, Lifetime: new(store.Duration(time.Hour))}}}
	kept := must[store.Profile](t)(s.PutProfile(ctx, in))
	got := must[store.Profile](t)(s.Profile(ctx, "p"))
	if kept.Revision != 1 || got.Accounts[0].URI != "coaps://a" || got.Accounts[0].Lifetime == nil || time.Duration(*got.Accounts[0].Lifetime) != time.Hour {
		t.Errorf("got %+v", got)
	}
	_, err := s.PutProfile(ctx, in)
	want(t, err, store.ErrExists)
	must[store.Profile](t)(s.PutProfile(ctx, got))
	_, err = s.PutProfile(ctx, got)
	want(t, err, store.ErrConflict)
	withProfile(t, s, "q")
	page := must[[]store.Profile](t)(s.Profiles(ctx, store.ProfileQuery{After: "p"}))
	if len(page) != 1 || page[0].Name != "q" {
		t.Errorf("page behind p: %v", page)
	}
	want(t, s.DeleteProfile(ctx, "p", 1), store.ErrConflict)
	if err := s.DeleteProfile(ctx, "p", 2); err != nil {
		t.Error(err)
	}
}

func testProfilesAllOrNone(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "b")
	b := must[store.Profile](t)(s.Profile(ctx, "b"))
	for name, tt := range map[string]struct {
		ps   []store.Profile
		want error
	}{
		"the second has changed":     {[]store.Profile{{Name: "a"}, {Name: "b", Revision: 7}}, store.ErrConflict},
		"the second exists":          {[]store.Profile{{Name: "a"}, {Name: "b"}}, store.ErrExists},
		"the second does not exist":  {[]store.Profile{{Name: "a"}, {Name: "c", Revision: 1}}, store.ErrNotFound},
		"the second has no name":     {[]store.Profile{{Name: "a"}, {}}, store.ErrInvalid},
		"both have the same name":    {[]store.Profile{{Name: "a"}, {Name: "a"}}, store.ErrInvalid},
		"the first is another's":     {[]store.Profile{{Name: "b"}, {Name: "a"}}, store.ErrExists},
		"the first replaces, alone":  {[]store.Profile{b, {Name: "c", Revision: 1}}, store.ErrNotFound},
		"the last of three is wrong": {[]store.Profile{b, {Name: "a"}, {Name: "c", Revision: 1}}, store.ErrNotFound},
	} {
		_, err := s.PutProfiles(ctx, tt.ps)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v, want %v", name, err, tt.want)
		}
		if page := must[[]store.Profile](t)(s.Profiles(ctx, store.ProfileQuery{})); len(page) != 1 || page[0].Revision != 1 {
			t.Fatalf("%s: a part of the refused edit was kept: %+v", name, page)
		}
	}
	b.Format = "tlv"
	kept := must[[]store.Profile](t)(s.PutProfiles(ctx, []store.Profile{b, {Name: "a"}}))
	if len(kept) != 2 || kept[0].Name != "b" || kept[0].Revision != 2 || kept[0].Format != "tlv" || kept[1].Name != "a" || kept[1].Revision != 1 {
		t.Errorf("kept %+v", kept)
	}
	if page := must[[]store.Profile](t)(s.Profiles(ctx, store.ProfileQuery{})); len(page) != 2 {
		t.Errorf("%d profiles, want 2", len(page))
	}
}

func testProfileInUse(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	withProfile(t, s, "p2")
	must[store.Device](t)(s.PutDevice(t.Context(), device("d")))
	want(t, s.DeleteProfile(t.Context(), "p", 0), store.ErrInUse)
	d := must[store.Device](t)(s.Device(t.Context(), "d"))
	d.Profile = "p2"
	must[store.Device](t)(s.PutDevice(t.Context(), d))
	if err := s.DeleteProfile(t.Context(), "p", 0); err != nil {
		t.Error(err)
	}
}

func testNoAliases(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	in := device("d", "id")
	in.Vars = map[string]string{"a": "b"}
	kept := must[store.Device](t)(s.PutDevice(t.Context(), in))
	in.Vars["a"] = "changed by the caller"
	kept.Credentials[0].Identity = "changed by the caller"
	got := must[store.Device](t)(s.Device(t.Context(), "d"))
	if got.Vars["a"] != "b" || got.Credentials[0].Identity != "id" {
		t.Errorf("the store shares memory with its caller: %+v", got)
	}
}

func testInvalidRecords(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	for name, d := range map[string]store.Device{
		"no name":          device(""),
		"control sign":     device("a\x00b"),
		"no profile":       {Endpoint: "d"},
		"empty identity":   device("d", ""),
		"same identities":  device("d", "i", "i"),
		"long identity":    device("d", string(make([]byte, store.MaxIdentity+1))),
		"empty key":        {Endpoint: "d", Profile: "p", Credentials: []store.Credential{{Kind: store.CredentialPSK, Identity: "i"}}},
		"no kind":          {Endpoint: "d", Profile: "p", Credentials: []store.Credential{{Identity: "i", Key: lwm2m.NewSecret([]byte("k"))}}},
		"control in a tag": {Endpoint: "d", Profile: "p", Tags: []string{"a\x00"}},
	} {
		if _, err := s.PutDevice(t.Context(), d); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: error %v, want %v", name, err, store.ErrInvalid)
		}
	}
	_, err := s.PutProfile(t.Context(), store.Profile{})
	want(t, err, store.ErrInvalid)
}

func session(n int, ep string, cause store.Cause) store.Session {
	return store.Session{ID: fmt.Sprintf("%06d", n), Endpoint: lwm2m.EndpointName(ep), Known: ep != "" && ep[0] != '?', Cause: cause, Identity: "id-" + ep}
}

func ids(sessions []store.Session) (out []string) {
	for _, s := range sessions {
		out = append(out, s.ID)
	}
	return out
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
	all := must[[]store.Session](t)(s.Sessions(ctx, store.SessionQuery{}))
	if len(all) != SessionsPerDevice+UnknownSessions {
		t.Errorf("%d sessions are kept, want %d of the device and %d of unknown devices", len(all), SessionsPerDevice, UnknownSessions)
	}
	for i := range 2 * Sessions {
		add(fmt.Sprintf("dev-%d", i))
	}
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

func testStats(t *testing.T, s store.Store) {
	withProfile(t, s, "p")
	must[store.Device](t)(s.PutDevice(t.Context(), device("d")))
	if err := s.AppendSession(t.Context(), session(1, "d", store.CauseDone)); err != nil {
		t.Fatal(err)
	}
	got := must[store.Stats](t)(s.Stats(t.Context()))
	if got.Devices != 1 || got.Profiles != 1 || got.Sessions != 1 || got.Bytes == 0 {
		t.Errorf("stats %+v", got)
	}
}

func testClosed(t *testing.T, s store.Store) {
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := s.Device(t.Context(), "d")
	want(t, err, store.ErrClosed)
	_, err = s.PutProfile(t.Context(), store.Profile{Name: "p"})
	want(t, err, store.ErrClosed)
	_, err = s.Groups(t.Context())
	want(t, err, store.ErrClosed)
	want(t, s.Close(), store.ErrClosed)
}

func testDurability(t *testing.T, b Backend) {
	s := b.Open(t)
	withProfile(t, s, "p")
	must[store.Device](t)(s.PutDevice(t.Context(), device("d", "id")))
	must[store.Group](t)(s.PutGroup(t.Context(), group("g")))
	must[store.Device](t)(s.PutDevice(t.Context(), member("m", "g")))
	want(t, s.PutPendingDevice(t.Context(), pendingDevice("22222222", "ep")), nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = b.Reopen(t, s)
	defer s.Close()
	if got := listedPending(t, s); len(got) != 1 {
		t.Errorf("after reopening: pending devices %v", got)
	}
	if d := must[store.Device](t)(s.DeviceByIdentity(t.Context(), store.CredentialPSK, "id")); string(d.Credentials[0].Key.Reveal()) != "key of id" {
		t.Errorf("after reopening: %+v", d)
	}
	if g := must[store.Group](t)(s.Group(t.Context(), "g")); string(g.Keys[0].Key.Reveal()) != "sixteen bytes of g" {
		t.Errorf("after reopening: %+v", g)
	}
	if n := must[int](t)(s.GroupSize(t.Context(), "g")); n != 1 {
		t.Errorf("after reopening: %d devices in the group", n)
	}
}
