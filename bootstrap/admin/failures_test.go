package admin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A device counts once for what it did itself and once for what came in its name since; one that has
// been bootstrapped since, or is gone, does not.
func TestFailures(t *testing.T) {
	r := newRig(t)
	for _, ep := range []lwm2m.EndpointName{"a", "b", "c", "d"} {
		_, err := r.local.AddDevice(t.Context(), ep, admin.DeviceSettings{Profile: new("p"), PSK: &admin.PSK{}})
		check(t, err)
	}
	for _, s := range []store.Session{
		own(1, "a", store.CauseSilent), own(2, "a", store.CauseRefused), // the last one counts
		own(3, "b", store.CauseRefused), unproved(4, "b", store.CauseKeyDiffers),
		unproved(5, "c", store.CauseKeyDiffers), unproved(6, "c", store.CauseKeyDiffers),
		own(7, "d", store.CauseRefused), unproved(8, "d", store.CauseKeyDiffers), own(9, "d", store.CauseDone), // well by now
		own(10, "gone", store.CauseRefused),
		unknown(11, "factory-1", store.CauseIdentityUnknown), unknown(12, "factory-1", store.CauseIdentityUnknown), unknown(13, "factory-2", store.CauseIdentityUnknown),
		wrongPort(14, "coap", ""), from("198.51.100.9:9999", wrongPort(15, "coap", "")),
		from("198.51.100.10:1", wrongPort(16, "coap", "")),
	} {
		check(t, r.local.Store.AppendSession(t.Context(), s))
	}
	for _, api := range []admin.API{r.local, r.client} {
		f, err := api.Failures(t.Context(), 1)
		check(t, err)
		var got []string
		for _, c := range f.Causes {
			got = append(got, fmt.Sprintf("%s %d+%d+%d %s", c.Cause, c.Devices, c.Unproved, c.Unknown, c.Examples[0].Session))
			if len(c.Examples) != 1 || c.Happened == "" || c.Remedy == "" || c.First.After(c.Last) {
				t.Errorf("%+v", c)
			}
		}
		want := []string{"refused 2+0+0 s003", "key-differs 0+2+0 s006", "wrong-port 0+0+2 s016", "identity-unknown 0+0+2 s013"}
		if !slices.Equal(got, want) {
			t.Errorf("the causes are\n%q, want\n%q", got, want)
		}
		if f.Records != 15 || !f.Since.Equal(own(1, "a", "").Started) {
			t.Errorf("%d records since %v", f.Records, f.Since)
		}
		if len(f.Notes) == 0 || !strings.Contains(f.Notes[0], "No server is running") {
			t.Errorf("without a server, the notes are %q", f.Notes)
		}
	}
	if _, err := r.local.Failures(t.Context(), 101); err == nil {
		t.Error("101 examples are possible")
	}
}

// A history that is longer than a page is read to its end.
func TestFailuresOfALongHistory(t *testing.T) {
	r := newRig(t)
	for n := range 1100 {
		check(t, r.local.Store.AppendSession(t.Context(), unknown(n, fmt.Sprintf("id-%04d", n/2), store.CauseIdentityUnknown)))
	}
	f, err := r.local.Failures(t.Context(), 0)
	check(t, err)
	if len(f.Causes) != 1 || f.Causes[0].Unknown != 550 || len(f.Causes[0].Examples) != 3 {
		t.Errorf("%+v", f)
	}
}
