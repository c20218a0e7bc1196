package admin_test

import (
	"fmt"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A key that is brought along, and that another device has, or this one has twice, is
// warned of; whether that device was there before or came since, with a key of its own or
// a generated one.
func TestKeysInCommonAreWarnedOf(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	add := func(ep lwm2m.EndpointName, set admin.DeviceSettings) admin.Device {
		t.Helper()
		set.Profile = new("p")
		d, err := r.client.AddDevice(ctx, ep, set)
		check(t, err)
		return d
	}
	warned := func(what string, d admin.Device, want ...string) {
		t.Helper()
		if len(d.Warnings) != len(want) {
			t.Errorf("%s: warnings %q, want %q", what, d.Warnings, want)
			return
		}
		for i, w := range d.Warnings {
			if !strings.Contains(w, want[i]) {
				t.Errorf("%s: warning %q, want %q", what, w, want[i])
			}
		}
	}
	key := func(n int) []byte { return fmt.Appendf(nil, "a key of device %2d", n) }
	generated := add("before", admin.DeviceSettings{PSK: &admin.PSK{}})
	add("first", admin.DeviceSettings{PSK: &admin.PSK{Key: key(1)}, AccountKeys: map[string][]byte{"main": key(2)}})
	warned("another key", add("second", admin.DeviceSettings{PSK: &admin.PSK{Key: key(3)}}))
	warned("the same to bootstrap with", add("third", admin.DeviceSettings{PSK: &admin.PSK{Key: key(1)}}), `its key to bootstrap with is one of device "first", too`)
	warned("one of an account", add("fourth", admin.DeviceSettings{PSK: &admin.PSK{Key: key(2)}}), `its key to bootstrap with is one of device "first", too`)
	warned("for an account", add("fifth", admin.DeviceSettings{PSK: &admin.PSK{}, AccountKeys: map[string][]byte{"main": key(3)}}), `its key of account "main" is one of device "second", too`)
	warned("twice in one", add("sixth", admin.DeviceSettings{PSK: &admin.PSK{Key: key(6)}, AccountKeys: map[string][]byte{"main": key(6)}}), `its key of account "main" is its key to bootstrap with, too`)

	var copied []byte
	_, err := fmt.Sscanf(generated.Credentials[0].Key, "%x", &copied)
	check(t, err)
	warned("a generated one, copied", add("seventh", admin.DeviceSettings{PSK: &admin.PSK{Key: copied}}), `its key to bootstrap with is one of device "before", too`)

	d, err := r.client.SetDevice(ctx, "second", 0, admin.DeviceSettings{PSK: &admin.PSK{Key: key(3)}})
	check(t, err)
	warned("its own again, which the fifth has", d, `one of device "fifth", too`)
	d, err = r.client.SetDevice(ctx, "first", 0, admin.DeviceSettings{Note: new("n")})
	check(t, err)
	warned("an edit without a key", d)
	check(t, r.client.DeleteDevice(ctx, "sixth", 0))
	warned("one of a device that is gone", add("eighth", admin.DeviceSettings{PSK: &admin.PSK{Key: key(6)}}))
	for _, w := range d.Warnings {
		if strings.Contains(w, "key of device") {
			t.Errorf("a warning has a key: %s", w)
		}
	}
	page, err := r.local.Store.Devices(ctx, store.DeviceQuery{})
	check(t, err)
	if len(page) != 9-1 {
		t.Errorf("%d devices", len(page))
	}
}
