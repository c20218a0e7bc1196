package campaign

import (
	"testing"

	"lwbs/store"
)

// Devices that failed are kept by their names up to a limit, and counted beyond it; one that is kept already stays.
func TestListedDevicesAreBounded(t *testing.T) {
	a := &active{}
	a.progress.Listed = store.MaxCampaignListed - 1
	open, listed := store.CampaignDevice{State: store.CampaignDeviceAsked}, store.CampaignDevice{State: store.CampaignDeviceSilent}
	for i, tt := range []struct {
		was  store.CampaignDevice
		want bool
	}{{open, true}, {open, false}, {listed, true}} {
		if got := a.list(tt.was); got != tt.want {
			t.Errorf("%d: kept %v, want %v", i, got, tt.want)
		}
	}
	if a.progress.Listed != store.MaxCampaignListed {
		t.Errorf("%d are kept", a.progress.Listed)
	}
}

// Failures are counted against the devices that were asked, and against no fewer than are asked at first.
func TestTooManyFailed(t *testing.T) {
	for i, tt := range []struct {
		first, stopAt        int
		asked, failures      int
		forgivenOf, forgiven int
		stops                bool
	}{
		{10, 20, 2, 2, 0, 0, false}, {10, 20, 10, 2, 0, 0, false}, {10, 20, 10, 3, 0, 0, true}, {10, 20, 100, 20, 0, 0, false}, {10, 20, 100, 21, 0, 0, true},
		{3, 20, 1, 1, 0, 0, true}, {0, 20, 1, 1, 0, 0, false}, {0, 20, 5, 3, 0, 0, true}, {0, 0, 100, 1, 0, 0, true}, {0, 100, 100, 100, 0, 0, false},
		{10, 20, 13, 3, 10, 3, false}, {10, 20, 20, 6, 10, 3, true},
	} {
		a := &active{campaign: store.Campaign{First: tt.first, StopAt: tt.stopAt, Forgiven: store.CampaignTally{Asked: tt.forgivenOf, Failures: tt.forgiven}}}
		a.progress.Asked, a.progress.Failed = tt.asked, tt.failures
		if reason := a.tooManyFailed(); (reason != "") != tt.stops {
			t.Errorf("%d: %q, want that it stops: %v", i, reason, tt.stops)
		}
	}
}
