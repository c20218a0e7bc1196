package admin_test

import (
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Who can be asked to bootstrap again is told by the profiles, and a campaign is made of those only where there is
// one. Its record can be paused, resumed and canceled, and to repeat it changes nothing.
func TestRebootstrapIsExplained(t *testing.T) {
	for _, way := range []string{"local", "client"} {
		t.Run(way, func(t *testing.T) {
			r := newRig(t)
			var api admin.API = r.local
			if way == "client" {
				api = r.client
			}
			woken := 0
			r.local.CampaignChanged = func() { woken++ }
			_, err := api.AddLwM2MServer(t.Context(), "dm", admin.LwM2MServerSettings{Kind: new(store.KindLeshan), Address: new("http://127.0.0.1:1")})
			check(t, err)
			_, err = api.AddLwM2MServer(t.Context(), "keys", admin.LwM2MServerSettings{Kind: new(store.KindPSKFile), Address: new("/nowhere/keys")})
			check(t, err)
			for profile, server := range map[string]string{"asked": "dm", "file": "keys"} {
				_, err := api.ApplyProfile(t.Context(), store.Profile{Name: profile, Accounts: []store.Account{{Name: "main", URI: "coaps://a.example", ShortServerID: 7, HandOver: server}}}, admin.ApplyOptions{})
				check(t, err)
			}
			for ep, profile := range map[lwm2m.EndpointName]string{"a-1": "asked", "a-2": "asked", "a-3": "asked", "f-1": "file", "p-1": "p"} {
				_, err := api.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new(profile), PSK: &admin.PSK{}, Tags: &[]string{"t"}})
				check(t, err)
			}
			_, err = api.SetDevice(t.Context(), "a-3", 0, admin.DeviceSettings{Disabled: new(true)})
			check(t, err)
			all := store.CampaignSelection{Tag: "t"}
			dry, err := api.Rebootstrap(t.Context(), admin.RebootstrapRequest{Select: all, DryRun: true})
			check(t, err)
			asked := []admin.RebootstrapPart{{Profile: "asked", Devices: 2, Servers: []admin.RebootstrapServer{{Name: "dm", Kind: store.KindLeshan}}}}
			if dry.Devices != 4 || !reflect.DeepEqual(dry.Asked, asked) || len(dry.Others) != 2 || dry.Others[0].Profile != "file" || dry.Others[0].Why != `LwM2M Server "keys" is of kind psk-file, by which lwbs cannot ask devices` || dry.Campaign != nil || woken != 0 {
				t.Errorf("told %+v, woken %d", dry, woken)
			}
			none, err := api.Rebootstrap(t.Context(), admin.RebootstrapRequest{Select: store.CampaignSelection{Endpoint: "p-1"}})
			if err != nil || none.Campaign != nil || len(none.Others) != 1 {
				t.Errorf("of a device that cannot be asked: %+v, %v", none, err)
			}
			for ep, want := range map[lwm2m.EndpointName]error{"nosuch": store.ErrNotFound, "a-3": store.ErrInvalid} {
				if _, err := api.Rebootstrap(t.Context(), admin.RebootstrapRequest{Select: store.CampaignSelection{Endpoint: ep}}); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", ep, err, want)
				}
			}
			for _, bad := range []admin.RebootstrapRequest{
				{Select: store.CampaignSelection{State: "odd"}}, {Interval: 1}, {Patience: -1}, {StopAt: new(-1)}, {First: -1}, {Select: store.CampaignSelection{Endpoint: "a-1", Tag: "t"}},
			} {
				if _, err := api.Rebootstrap(t.Context(), bad); !errors.Is(err, store.ErrInvalid) {
					t.Errorf("%+v: %v", bad, err)
				}
			}
			made, err := api.Rebootstrap(t.Context(), admin.RebootstrapRequest{Select: all, First: 3})
			check(t, err)
			c := made.Campaign
			if c == nil || c.State != store.CampaignRunning || c.Devices != 4 || c.First != 3 || c.StopAt != 20 || c.Interval != store.Duration(100*time.Millisecond) || c.Patience != store.Duration(time.Hour) || woken != 1 {
				t.Fatalf("made %+v, woken %d", c, woken)
			}
			check(t, r.local.Store.AdvanceCampaign(t.Context(), c.ID, store.CampaignProgress{Asked: 3, Came: 2, Done: 1, Failed: 1, Silent: 1},
				store.CampaignDevice{Endpoint: "a-1", State: store.CampaignDeviceFailed}, store.CampaignDevice{Endpoint: "a-2", State: store.CampaignDeviceSilent}))
			for _, step := range []struct {
				do   admin.CampaignAction
				want store.CampaignState
				err  error
			}{
				{admin.PauseCampaign, store.CampaignPaused, nil}, {admin.PauseCampaign, store.CampaignPaused, nil}, {admin.ResumeCampaign, store.CampaignRunning, nil},
				{admin.CancelCampaign, store.CampaignCanceled, nil}, {admin.CancelCampaign, store.CampaignCanceled, nil}, {admin.ResumeCampaign, "", store.ErrInvalid},
			} {
				got, err := api.SetCampaign(t.Context(), c.ID, step.do)
				if !errors.Is(err, step.err) || err == nil && (got.State != step.want || got.Ended.IsZero() == (step.want == store.CampaignCanceled)) {
					t.Errorf("%s: %+v, %v", step.do, got, err)
				}
			}
			kept, err := r.local.Store.Campaign(t.Context(), c.ID)
			check(t, err)
			if kept.Campaign.Forgiven != (store.CampaignTally{Asked: 3, Failures: 2}) || kept.Campaign.Revision != 4 || woken != 4 {
				t.Errorf("kept %+v, woken %d", kept, woken)
			}
			listed, err := api.CampaignDevices(t.Context(), store.CampaignDeviceQuery{Campaign: c.ID, After: "a-1"})
			if err != nil || len(listed) != 1 || listed[0].Endpoint != "a-2" {
				t.Errorf("listed %+v, %v", listed, err)
			}
		})
	}
}

// A selection is read page by page, and each page has as many names as are asked for.
func TestDevicesAreSelectedInPages(t *testing.T) {
	r := newRig(t)
	for _, ep := range []lwm2m.EndpointName{"a", "b", "c", "d", "e"} {
		_, err := r.local.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
		check(t, err)
	}
	_, err := r.local.SetDevice(t.Context(), "b", 0, admin.DeviceSettings{Disabled: new(true)})
	check(t, err)
	var got []lwm2m.EndpointName
	after := lwm2m.EndpointName("")
	for _, want := range []int{2, 2, 0} {
		names, err := r.local.SelectDevices(t.Context(), admin.DeviceFilter{State: admin.DeviceNever, Profile: "p"}.Selection(), after, 2)
		check(t, err)
		if got = append(got, names...); len(names) != want {
			t.Errorf("a page of %d, want %d", len(names), want)
		}
		if len(names) > 0 {
			after = names[len(names)-1]
		}
	}
	if !slices.Equal(got, []lwm2m.EndpointName{"a", "c", "d", "e"}) {
		t.Errorf("selected %q", got)
	}
	one, err := r.local.SelectDevices(t.Context(), store.CampaignSelection{Endpoint: "c"}, "", 2)
	check(t, err)
	again, err := r.local.SelectDevices(t.Context(), store.CampaignSelection{Endpoint: "c"}, "c", 2)
	if check(t, err); len(one) != 1 || len(again) != 0 {
		t.Errorf("one device is selected as %q, then %q", one, again)
	}
}
