package admin_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A keyStore has devices with so many account keys each, and takes others.
type keyStore struct {
	admin.Backend
	devices, keys int
	added         map[lwm2m.EndpointName]store.Device
}

// key is key k of device i.
func (s *keyStore) key(i, k int) []byte { return fmt.Appendf(nil, "key %8d of %8d", k, i) }

func (s *keyStore) device(i int) store.Device {
	d := store.Device{Endpoint: lwm2m.EndpointName(fmt.Sprintf("dev-%08d", i)), Profile: "p", Revision: 1, Accounts: make(map[string]store.AccountKeys)}
	for k := range s.keys {
		d.Accounts[fmt.Sprint("a", k)] = store.AccountKeys{Key: lwm2m.NewSecret(s.key(i, k))}
	}
	return d
}

func (s *keyStore) Devices(_ context.Context, q store.DeviceQuery) (page []store.Device, _ error) {
	for i := range min(s.devices, q.Limit) {
		page = append(page, s.device(i))
	}
	return page, nil
}

func (s *keyStore) Device(_ context.Context, ep lwm2m.EndpointName) (store.Device, error) {
	var i int
	if _, err := fmt.Sscanf(string(ep), "dev-%d", &i); err == nil && i < s.devices {
		return s.device(i), nil
	}
	if d, ok := s.added[ep]; ok {
		return d, nil
	}
	return store.Device{}, store.ErrNotFound
}

func (s *keyStore) Profile(context.Context, string) (store.Profile, error) {
	return store.Profile{Name: "p", Revision: 1, Accounts: []store.Account{{Name: "main", URI: "coap://lwm2m.example.com", ShortServerID: 101}}}, nil
}

func (s *keyStore) PutDevice(_ context.Context, d store.Device) (store.Device, error) {
	d.Revision++
	s.added[d.Endpoint] = d
	return d, nil
}

func (s *keyStore) Groups(context.Context) (store.Groups, error) { return store.Groups{}, nil }

// A new key is compared with those of 10,000 devices, and with 65,536 keys.
func TestKeysAreComparedWithinBounds(t *testing.T) {
	s := &keyStore{devices: 10_001, keys: 1, added: make(map[lwm2m.EndpointName]store.Device)}
	local := &admin.Local{Store: s}
	for i, want := range map[int]bool{0: true, 9_999: true, 10_000: false} {
		d, err := local.AddDevice(t.Context(), lwm2m.EndpointName(fmt.Sprint("new-", i)), admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Key: s.key(i, 0)}})
		if err != nil {
			t.Fatal(err)
		}
		warning := fmt.Sprintf(`its key to bootstrap with is one of device "dev-%08d", too: whoever has that device can play this one`, i)
		if slices.Contains(d.Warnings, warning) != want {
			t.Errorf("a key of device %d is warned of: %t", i, !want)
		}
	}
	s = &keyStore{devices: 8193, keys: 8} // which have 65,544
	local = &admin.Local{Store: s}
	local.CompareAllKeys(t.Context())
	if n := local.RememberedKeys(); n != 65_536 {
		t.Errorf("%d keys are remembered, want 65536", n)
	}
}
