package campaign

import (
	"fmt"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// An active campaign is one that goes on.
type active struct {
	campaign store.Campaign
	progress store.CampaignProgress

	asking map[lwm2m.EndpointName]*asking // devices that are being asked
	absent []absent                       // of those, that wait to be asked again, the next first; some have come meanwhile
	turn   []lwm2m.EndpointName           // devices whose turn comes next
	last   bool                           // there are none behind those
	askAt  time.Time                      // when the next one may be asked

	fresh   bool // it was not looked at since the server was started
	sweepAt time.Time
}

// An asking is a device that is being asked.
type asking struct {
	device   store.CampaignDevice
	inFlight bool
	absent   bool // it waits to be asked again
	again    bool // its LwM2M Server could not be asked before
}

// defaultSample is the least number of devices that failures are counted against, where the campaign does not
// say how many are asked at first.
const defaultSample = 10

// tooManyFailed says why a campaign stops, by what became of the devices since an operator let it go on; empty
// for no reason.
func (a *active) tooManyFailed() string {
	now, forgiven := a.progress.Tally(), a.campaign.Forgiven
	asked, failures := now.Asked-forgiven.Asked, now.Failures-forgiven.Failures
	of := a.campaign.First
	if of == 0 {
		of = defaultSample
	}
	if failures <= 0 || failures*100 <= a.campaign.StopAt*max(asked, of) {
		return ""
	}
	return fmt.Sprintf("%d of %d devices have failed or are silent, which is more than %d per cent of %d", failures, asked, a.campaign.StopAt, max(asked, of))
}

// room is how many devices may be asked now, of the first ones or of all.
func (a *active) room() int {
	begun := a.progress.Asked + len(a.asking)
	switch first := a.campaign.First; {
	case begun < first:
		return first - begun
	case begun == first && first > 0 && (len(a.asking) > 0 || a.progress.Waiting() > 0):
		return 0 // what becomes of them is not known yet
	}
	return maxInFlight
}

// sweepEvery is how often devices are looked for that have not come in time.
func (a *active) sweepEvery() time.Duration {
	return min(max(time.Duration(a.campaign.Patience)/20, time.Second), time.Minute)
}

// begun counts a device whose LwM2M Server has asked it, the first time that this is known of it.
func (a *active) begun(d store.CampaignDevice) {
	if d.State == store.CampaignDeviceAsking {
		a.progress.Asked++
	}
}

// list reports whether one more device may be kept by its name, and counts it. One that was kept already
// stays.
func (a *active) list(was store.CampaignDevice) bool {
	switch {
	case !was.State.Open():
		return true
	case a.progress.Listed >= store.MaxCampaignListed:
		return false
	}
	a.progress.Listed++
	return true
}
