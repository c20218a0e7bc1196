package admin_test

import (
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A preview with a profile that is not saved tells what that would give, to a device and to a made-up one, and
// changes nothing.
func TestPreviewWithProfile(t *testing.T) {
	r := newRig(t)
	_, err := r.local.AddDevice(t.Context(), "d", admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
	check(t, err)
	before, err := r.local.Device(t.Context(), "d", true)
	check(t, err)
	p, err := r.local.Profile(t.Context(), "p")
	check(t, err)
	p.NoAccessControl = true
	p.Accounts = append(p.Accounts, store.Account{Name: "second", URI: "coaps://{{.Vars.host}}.example", ShortServerID: 8})
	plain, err := r.local.Preview(t.Context(), "d", admin.PreviewOptions{})
	check(t, err)
	if _, err := r.local.Preview(t.Context(), "d", admin.PreviewOptions{With: &p}); err == nil {
		t.Error("a device without the variable is given the profile that asks for it")
	}
	sample, err := r.local.Preview(t.Context(), "", admin.PreviewOptions{With: &p})
	check(t, err)
	if writes(sample) != writes(plain)+2 {
		t.Errorf("a second account makes %d writes of %d", writes(sample), writes(plain))
	}
	if after, err := r.local.Device(t.Context(), "d", true); err != nil || after.Revision != before.Revision || len(after.Accounts) != len(before.Accounts) {
		t.Errorf("the device was changed: %+v, %v", after, err)
	}
}

func writes(p admin.Preview) (n int) {
	for _, o := range p.Operations {
		if o.Op == lwm2m.OpWrite {
			n++
		}
	}
	return n
}
