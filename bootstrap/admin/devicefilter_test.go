package admin_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// now is an attempt with the profile p as it is, that ended after the records were made.
func now(n int, ep lwm2m.EndpointName, cause store.Cause) store.Session {
	return with(own(n, ep, cause), func(s *store.Session) {
		s.Started, s.Ended = time.Now().Add(time.Minute), time.Now().Add(2*time.Minute)
		s.Profile, s.ProfileRevision = "p", 1
	})
}

// Each device has one state, by its record and its own attempts, with a server and without.
func TestStatesOfDevices(t *testing.T) {
	tests := []struct {
		name     string
		sessions []store.Session
		change   func(*store.Device)
		want     admin.DeviceState
	}{
		{"nothing came", nil, nil, admin.DeviceNever},
		{"something unproved came", []store.Session{unproved(1, "d", store.CauseKeyDiffers)}, nil, admin.DeviceNever},
		{"only an idle association", []store.Session{now(1, "d", store.CauseIdle)}, nil, admin.DeviceNever},
		{"bootstrapped", []store.Session{now(1, "d", store.CauseDone)}, nil, admin.DeviceDone},
		{"given a pack", []store.Session{now(1, "d", store.CausePackDelivered)}, nil, admin.DeviceDone},
		{"bootstrapped, idle since", []store.Session{now(1, "d", store.CauseDone), now(2, "d", store.CauseIdle)}, nil, admin.DeviceDone},
		{"bootstrapped, wrong key of another since", []store.Session{now(1, "d", store.CauseDone), unproved(2, "d", store.CauseKeyDiffers)}, nil, admin.DeviceDone},
		{"failed after it was bootstrapped", []store.Session{now(1, "d", store.CauseDone), now(2, "d", store.CauseRefused)}, nil, admin.DeviceFailed},
		{"edited since", []store.Session{with(now(1, "d", store.CauseDone), func(s *store.Session) { s.Ended = began })}, nil, admin.DeviceDue},
		{"its profile edited since", []store.Session{with(now(1, "d", store.CauseDone), func(s *store.Session) { s.ProfileRevision = 7 })}, nil, admin.DeviceDue},
		{"given another profile since", []store.Session{with(now(1, "d", store.CauseDone), func(s *store.Session) { s.Profile = "q" })}, nil, admin.DeviceDue},
		{"disabled, whatever it did", []store.Session{now(1, "d", store.CauseRefused)}, func(d *store.Device) { d.Disabled = true }, admin.DeviceDisabled},
		{"bootstrapped before the history begins", nil, func(d *store.Device) {
			d.Accounts = map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("0123456789abcdef")), Delivered: began}}
		}, admin.DeviceDone},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			_, err := r.local.AddDevice(t.Context(), "d", admin.DeviceSettings{Profile: new("p")})
			check(t, err)
			if tt.change != nil {
				d, err := r.local.Store.Device(t.Context(), "d")
				check(t, err)
				tt.change(&d)
				_, err = r.local.Store.PutDevice(t.Context(), d)
				check(t, err)
			}
			for _, s := range tt.sessions {
				check(t, r.local.Store.AppendSession(t.Context(), s))
			}
			for _, api := range []admin.API{r.local, r.client} {
				d, err := api.Device(t.Context(), "d", false)
				check(t, err)
				if d.State != tt.want {
					t.Errorf("%T: state %s, want %s", api, d.State, tt.want)
				}
				for _, state := range admin.DeviceStates() {
					f := admin.DeviceFilter{State: state}
					page, err := api.Devices(t.Context(), admin.DeviceQuery{DeviceFilter: f})
					check(t, err)
					count, err := api.CountDevices(t.Context(), f)
					check(t, err)
					if want := map[bool]int{true: 1}[state == tt.want]; len(page) != want || count.Devices != want || count.States[state] != want {
						t.Errorf("%T: %d devices are listed as %s, %d are counted, want %d", api, len(page), state, count.Devices, want)
					}
				}
			}
		})
	}
}

// A device whose first session is running is not one that never came.
func TestStateWhileASessionRuns(t *testing.T) {
	r := newRig(t)
	_, err := r.local.AddDevice(t.Context(), "d", admin.DeviceSettings{Profile: new("p")})
	check(t, err)
	running := now(1, "d", "")
	r.local.Running = func(lwm2m.EndpointName) *store.Session { return &running }
	for _, api := range []admin.API{r.local, r.client} {
		page, err := api.Devices(t.Context(), admin.DeviceQuery{DeviceFilter: admin.DeviceFilter{State: admin.DeviceRunning, SeenSince: began}})
		check(t, err)
		if len(page) != 1 {
			t.Errorf("%T: %d devices are running", api, len(page))
		}
	}
}

// A device is rotating from when a new key is made for it until it is known to use that, in whatever state.
func TestRotating(t *testing.T) {
	r := newRig(t)
	put := func(ep lwm2m.EndpointName, change func(*store.Device)) {
		t.Helper()
		_, err := r.local.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{Key: []byte("0123456789abcdef")}})
		check(t, err)
		d, err := r.local.Store.Device(t.Context(), ep)
		check(t, err)
		change(&d)
		_, err = r.local.Store.PutDevice(t.Context(), d)
		check(t, err)
	}
	put("a", func(*store.Device) {})
	put("b", func(d *store.Device) {
		d.Credentials = append(d.Credentials, store.Credential{Kind: store.CredentialPSK, Identity: "next", Key: lwm2m.NewSecret([]byte("k")), Pending: true, Replaces: "b"})
	})
	put("c", func(d *store.Device) {
		d.Accounts = map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret([]byte("k")), Pending: lwm2m.NewSecret([]byte("next"))}}
		d.Disabled = true
	})
	for _, api := range []admin.API{r.local, r.client} {
		page, err := api.Devices(t.Context(), admin.DeviceQuery{DeviceFilter: admin.DeviceFilter{Rotating: true}})
		check(t, err)
		if len(page) != 2 || page[0].Endpoint != "b" || page[1].Endpoint != "c" || !page[0].Rotating {
			t.Errorf("%T: %d devices are listed", api, len(page))
		}
		page, err = api.Devices(t.Context(), admin.DeviceQuery{DeviceFilter: admin.DeviceFilter{Rotating: true, State: admin.DeviceDisabled}})
		check(t, err)
		if len(page) != 1 || page[0].Endpoint != "c" {
			t.Errorf("%T: %d disabled devices are listed", api, len(page))
		}
		count, err := api.CountDevices(t.Context(), admin.DeviceFilter{})
		check(t, err)
		if count.Rotating != 2 || count.Devices != 3 {
			t.Errorf("%T: %d of %d are counted", api, count.Rotating, count.Devices)
		}
	}
}

// All of a filter applies, and pages of it lead on.
func TestDeviceFilters(t *testing.T) {
	r := newRig(t)
	_, err := r.local.ApplyProfile(t.Context(), store.Profile{Name: "q", Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 7}}}, admin.ApplyOptions{})
	check(t, err)
	for i := range 20 {
		ep := lwm2m.EndpointName(fmt.Sprintf("%s-%02d", []string{"a", "b"}[i%2], i))
		set := admin.DeviceSettings{Profile: new([]string{"p", "q"}[i%4/2]), Tags: &[]string{[]string{"x", "y"}[i%2]}}
		_, err := r.local.AddDevice(t.Context(), ep, set)
		check(t, err)
		if i >= 10 {
			check(t, r.local.Store.AppendSession(t.Context(), own(i, ep, store.CauseSilent)))
		}
	}
	tests := []struct {
		filter admin.DeviceFilter
		want   int
	}{
		{admin.DeviceFilter{}, 20},
		{admin.DeviceFilter{Prefix: "a"}, 10},
		{admin.DeviceFilter{Prefix: "a", Tag: "y"}, 0},
		{admin.DeviceFilter{Profile: "q", Tag: "x"}, 5},
		{admin.DeviceFilter{State: admin.DeviceFailed}, 10},
		{admin.DeviceFilter{State: admin.DeviceNever, Tag: "y"}, 5},
		{admin.DeviceFilter{SeenSince: began.Add(13 * time.Second)}, 8}, // the attempt of 12 ended then
		{admin.DeviceFilter{NotSeenSince: began.Add(13 * time.Second)}, 12},
		{admin.DeviceFilter{NotSeenSince: began.Add(13 * time.Second), State: admin.DeviceFailed}, 2},
		{admin.DeviceFilter{SeenSince: time.Now()}, 0},
	}
	for _, tt := range tests {
		for _, api := range []admin.API{r.local, r.client} {
			var names []lwm2m.EndpointName
			q := admin.DeviceQuery{Limit: 3, DeviceFilter: tt.filter}
			for {
				page, err := api.Devices(t.Context(), q)
				check(t, err)
				for _, d := range page {
					names = append(names, d.Endpoint)
				}
				if len(page) < q.Limit {
					break
				}
				q.After = names[len(names)-1]
			}
			count, err := api.CountDevices(t.Context(), tt.filter)
			check(t, err)
			if len(names) != tt.want || count.Devices != tt.want || !slices.IsSorted(names) || len(slices.Compact(names)) != tt.want {
				t.Errorf("%T, %+v: %v are listed, %d counted, want %d", api, tt.filter, names, count.Devices, tt.want)
			}
		}
	}
}

// A state that only a newer server knows makes no answer unreadable.
func TestStateOfANewerServer(t *testing.T) {
	var d admin.Device
	check(t, json.Unmarshal([]byte(`{"endpoint": "d", "state": "parked"}`), &d))
	var count admin.DeviceCount
	check(t, json.Unmarshal([]byte(`{"devices": 1, "states": {"parked": 1}}`), &count))
	if d.State != "parked" || count.States["parked"] != 1 {
		t.Errorf("%q, %v", d.State, count)
	}
}
