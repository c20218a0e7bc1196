package storetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

func campaign(id string) store.Campaign {
	return store.Campaign{
		ID: id, Select: store.CampaignSelection{Profile: "p", State: "due", NotSeenSince: time.Unix(1, 0).UTC()},
		Interval: store.Duration(time.Second), First: 10, StopAt: 20, Patience: store.Duration(time.Hour), State: store.CampaignRunning, Devices: 7,
	}
}

func testCampaigns(t *testing.T, s store.Store) {
	_, err := s.Campaign(t.Context(), "a")
	want(t, err, store.ErrNotFound)
	want(t, s.DeleteCampaign(t.Context(), "a"), store.ErrNotFound)
	want(t, s.AdvanceCampaign(t.Context(), "a", store.CampaignProgress{}), store.ErrNotFound)

	made := must[store.Campaign](t)(s.PutCampaign(t.Context(), campaign("b")))
	in := campaign("b")
	in.Revision, in.Created, in.Updated = 1, made.Created, made.Updated
	if got := must[store.CampaignRecord](t)(s.Campaign(t.Context(), "b")); !reflect.DeepEqual(got, store.CampaignRecord{Campaign: in}) || !reflect.DeepEqual(made, in) || made.Created.IsZero() {
		t.Errorf("made %+v, read %+v, want %+v", made, got, in)
	}
	_, err = s.PutCampaign(t.Context(), campaign("b"))
	want(t, err, store.ErrExists)
	paused := made
	paused.State, paused.Reason = store.CampaignPaused, "3 of 10 failed"
	paused = must[store.Campaign](t)(s.PutCampaign(t.Context(), paused))
	_, err = s.PutCampaign(t.Context(), made)
	want(t, err, store.ErrConflict)
	p := store.CampaignProgress{After: "dev", Asked: 5, Came: 3, Done: 1, Failed: 1, Silent: 1, NotAsked: 2, Absent: 3, Listed: 4}
	want(t, s.AdvanceCampaign(t.Context(), "b", p), nil)
	must[store.Campaign](t)(s.PutCampaign(t.Context(), campaign("a")))
	all := must[[]store.CampaignRecord](t)(s.Campaigns(t.Context()))
	if len(all) != 2 || all[0].Campaign.ID != "a" || !reflect.DeepEqual(all[1], store.CampaignRecord{Campaign: paused, Progress: p}) || p.Waiting() != 2 {
		t.Errorf("all are %+v", all)
	}
	for _, bad := range []func(*store.Campaign){
		func(c *store.Campaign) { c.ID = "" }, func(c *store.Campaign) { c.Interval = store.Duration(time.Millisecond) - 1 }, func(c *store.Campaign) { c.Interval = store.Duration(24*time.Hour) + 1 }, func(c *store.Campaign) { c.Patience = 0 }, func(c *store.Campaign) { c.Patience = store.Duration(90*24*time.Hour) + 1 },
		func(c *store.Campaign) { c.StopAt = 101 }, func(c *store.Campaign) { c.First = -1 }, func(c *store.Campaign) { c.State = "odd" },
		func(c *store.Campaign) { c.Select.Endpoint = "dev" },
	} {
		c := campaign("c")
		bad(&c)
		_, err := s.PutCampaign(t.Context(), c)
		want(t, err, store.ErrInvalid)
	}
	for i := range store.MaxCampaigns - 2 {
		must[store.Campaign](t)(s.PutCampaign(t.Context(), campaign(fmt.Sprintf("c%03d", i))))
	}
	_, err = s.PutCampaign(t.Context(), campaign("more"))
	want(t, err, store.ErrInvalid)
	paused.State = store.CampaignCanceled
	must[store.Campaign](t)(s.PutCampaign(t.Context(), paused))
	want(t, s.AdvanceCampaign(t.Context(), "b", p, store.CampaignDevice{Endpoint: "dev", State: store.CampaignDeviceFailed}), nil)
	must[store.Campaign](t)(s.PutCampaign(t.Context(), campaign("more")))
	_, err = s.Campaign(t.Context(), "b")
	want(t, err, store.ErrNotFound)
	_, err = s.CampaignDevice(t.Context(), "b", "dev")
	want(t, err, store.ErrNotFound)
}

func testCampaignDevices(t *testing.T, s store.Store) {
	must[store.Campaign](t)(s.PutCampaign(t.Context(), campaign("c")))
	must[store.Campaign](t)(s.PutCampaign(t.Context(), campaign("c2")))
	at := time.Unix(1_700_000_000, 0).UTC()
	put := func(id string, state store.CampaignDeviceState, names ...lwm2m.EndpointName) {
		t.Helper()
		var all []store.CampaignDevice
		for _, ep := range names {
			all = append(all, store.CampaignDevice{Endpoint: ep, State: state, Asked: at, Session: "s", Cause: store.CauseDone, Detail: "d", Tries: 2, Again: at.Add(time.Hour)})
		}
		want(t, s.AdvanceCampaign(t.Context(), id, store.CampaignProgress{}, all...), nil)
	}
	names := func(id string, open bool, after lwm2m.EndpointName, limit int) (out string) {
		t.Helper()
		for _, d := range must[[]store.CampaignDevice](t)(s.CampaignDevices(t.Context(), store.CampaignDeviceQuery{Campaign: id, Open: open, After: after, Limit: limit})) {
			out += fmt.Sprintf("%s %s, ", d.Endpoint, d.State)
		}
		return out
	}
	put("c2", store.CampaignDeviceAsked, "a")
	put("c", store.CampaignDeviceAsking, "a", "b", "c", "d")
	put("c", store.CampaignDeviceDone, "a")
	put("c", store.CampaignDeviceFailed, "b")
	put("c", store.CampaignDeviceCame, "c")
	put("c", store.CampaignDeviceNotAsked, "e")
	for _, tt := range []struct {
		id    string
		open  bool
		after lwm2m.EndpointName
		limit int
		want  string
	}{
		{"c", true, "", 0, "c came, d asking, "}, {"c", true, "", 1, "c came, "}, {"c", true, "c", 1, "d asking, "}, {"c", true, "d", 1, ""},
		{"c", false, "", 0, "b failed, e not-asked, "}, {"c2", true, "", 0, "a asked, "}, {"c2", false, "", 0, ""}, {"none", true, "", 0, ""},
	} {
		if got := names(tt.id, tt.open, tt.after, tt.limit); got != tt.want {
			t.Errorf("%+v: %s", tt, got)
		}
	}
	put("c", store.CampaignDeviceDone, "b") // it came again
	_, err := s.CampaignDevice(t.Context(), "c", "b")
	want(t, err, store.ErrNotFound)
	if d := must[store.CampaignDevice](t)(s.CampaignDevice(t.Context(), "c", "e")); d.State != store.CampaignDeviceNotAsked || !d.Asked.Equal(at) || d.Detail != "d" || d.Tries != 2 || !d.Again.Equal(at.Add(time.Hour)) {
		t.Errorf("read %+v", d)
	}
	want(t, s.DeleteCampaign(t.Context(), "c"), nil)
	if got := names("c", false, "", 0) + names("c", true, "", 0); got != "" {
		t.Errorf("after it was deleted it has %s", got)
	}
	if got := names("c2", true, "", 0); got != "a asked, " {
		t.Errorf("the other one has %s", got)
	}
}
