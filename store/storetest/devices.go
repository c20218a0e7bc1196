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

func device(ep string, identities ...string) store.Device {
	d := store.Device{Endpoint: lwm2m.EndpointName(ep), Profile: "p"}
	for _, id := range identities {
		d.Credentials = append(d.Credentials, store.Credential{Kind: store.CredentialPSK, Identity: id, Key: lwm2m.NewSecret([]byte("key of " + id))})
	}
	return d
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
