package view_test

import (
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/store"
)

// What is not known yet, and what went wrong, is told where there is some.
func TestCampaignText(t *testing.T) {
	for want, c := range map[string]admin.Campaign{
		"running: 0 of 1 device asked, 0 came: 0 done, 0 failed": {State: store.CampaignRunning, Devices: 1},
		"paused: 7 of 9 devices asked, 6 came: 3 done, 2 failed; 1 silent; 4 could not be asked; 5 not registered, and asked again; 1 waited for: why": {
			State: store.CampaignPaused, Devices: 9, Asked: 7, Came: 6, Done: 3, Failed: 2, Silent: 1, NotAsked: 4, Absent: 5, Waiting: 1, Reason: "why",
		},
	} {
		if got := view.CampaignText(c); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
