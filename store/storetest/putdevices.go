package storetest

import (
	"fmt"
	"slices"
	"testing"

	"lwbs/lwm2m"
	"lwbs/store"
)

// testPutDevices: of several devices those are stored that can be, one after the other.
func testPutDevices(t *testing.T, s store.Store) {
	ctx := t.Context()
	withProfile(t, s, "p")
	a := must[store.Device](t)(s.PutDevice(ctx, device("a", "id-a")))
	must[store.Device](t)(s.PutDevice(ctx, device("b", "id-b")))
	moved := a
	moved.Credentials, moved.Tags = device("a", "id-a2").Credentials, []string{"t", "t"}
	stale := moved
	stale.Note = "stale"
	elsewhere := device("x")
	elsewhere.Profile = "none"
	cases := []struct {
		d    store.Device
		want error
	}{
		{moved, nil},
		{stale, store.ErrConflict},
		{device("c", "id-a"), nil}, // which a gave up just now
		{device("d", "id-a"), store.ErrIdentityTaken},
		{device("d", "id-b"), store.ErrIdentityTaken},
		{device("d", "id-d"), nil},
		{device("d", "id-d2"), store.ErrExists},
		{device("b"), store.ErrExists},
		{elsewhere, store.ErrNotFound},
		{store.Device{Endpoint: "y"}, store.ErrInvalid},
	}
	var ds []store.Device
	for _, c := range cases {
		ds = append(ds, c.d)
	}
	results := must[[]store.PutResult](t)(s.PutDevices(ctx, ds))
	if len(results) != len(cases) {
		t.Fatalf("%d results for %d devices", len(results), len(cases))
	}
	for i, r := range results {
		want(t, r.Err, cases[i].want)
		if r.Err == nil && (r.Device.Endpoint != ds[i].Endpoint || r.Device.Revision != ds[i].Revision+1 || r.Device.Updated.IsZero()) {
			t.Errorf("device %d is stored as %q with revision %d", i, r.Device.Endpoint, r.Device.Revision)
		}
	}
	for id, owner := range map[string]lwm2m.EndpointName{"id-a": "c", "id-a2": "a", "id-b": "b", "id-d": "d"} {
		if got := must[store.Device](t)(s.DeviceByIdentity(ctx, store.CredentialPSK, id)); got.Endpoint != owner {
			t.Errorf("identity %s is of %q, want %q", id, got.Endpoint, owner)
		}
	}
	_, err := s.DeviceByIdentity(ctx, store.CredentialPSK, "id-d2")
	want(t, err, store.ErrNotFound)
	if got := must[store.Device](t)(s.Device(ctx, "a")); !got.Created.Equal(a.Created) || got.Note != "" {
		t.Errorf("device a was created %v, was %v; note %q", got.Created, a.Created, got.Note)
	}
	if got := must[store.Stats](t)(s.Stats(ctx)); got.Devices != 4 {
		t.Errorf("%d devices are counted", got.Devices)
	}
	if page := must[[]store.Device](t)(s.Devices(ctx, store.DeviceQuery{Tag: "t"})); len(page) != 1 || page[0].Endpoint != "a" {
		t.Errorf("%d devices have the tag", len(page))
	}
	testManyDevices(t, s)
}

// testManyDevices stores more than fit on one page of any index, and gives all of them other identities.
func testManyDevices(t *testing.T, s store.Store) {
	const n = 500
	var ds []store.Device
	for i := range n {
		d := device(fmt.Sprint("many-", i*7919%n), fmt.Sprint("id-", i))
		d.Tags = []string{fmt.Sprint("lot", i%3)}
		ds = append(ds, d)
	}
	for round := range 2 {
		for i, r := range must[[]store.PutResult](t)(s.PutDevices(t.Context(), ds)) {
			want(t, r.Err, nil)
			ds[i] = r.Device
		}
		for i := range ds {
			ds[i].Credentials = slices.Clone(ds[i].Credentials)
			ds[i].Credentials[0].Identity = fmt.Sprintf("id-%d-%d", round, i)
		}
	}
	if page := must[[]store.Device](t)(s.Devices(t.Context(), store.DeviceQuery{Prefix: "many-", Limit: 10_000})); len(page) != n {
		t.Errorf("%d of %d devices are there", len(page), n)
	}
	if page := must[[]store.Device](t)(s.Devices(t.Context(), store.DeviceQuery{Tag: "lot2", Limit: 10_000})); len(page) != n/3 {
		t.Errorf("%d devices have the tag, want %d", len(page), n/3)
	}
}
