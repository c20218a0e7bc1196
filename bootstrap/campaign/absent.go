package campaign

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An AbsentError is that a device is not registered with its LwM2M Server now, or does not answer it. It is asked
// again.
type AbsentError struct{ Err error }

func (e *AbsentError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *AbsentError) Unwrap() error { return e.Err }

const (
	// maxTries is how often a device is asked that is absent.
	maxTries = 4

	// triesOfPatience is how often the pause between two tries goes into the patience. More than half of that is left
	// to come in after the last try.
	triesOfPatience = 8

	// maxAbsent is how many devices of a campaign wait to be asked again; more could not be asked.
	maxAbsent = store.MaxCampaignListed
)

// An absent is a device that is asked again at a time.
type absent struct {
	endpoint lwm2m.EndpointName
	at       time.Time
}

// wait has a device asked again when its record says. Its place among those that wait is by that.
func (a *active) wait(as *asking) {
	as.absent = true
	n := absent{as.device.Endpoint, as.device.Again}
	i, _ := slices.BinarySearchFunc(a.absent, n, func(one, n absent) int {
		if one.at.After(n.at) {
			return 1
		}
		return -1
	})
	a.absent = slices.Insert(a.absent, i, n)
}

// againAt is when the next device is to be asked again, which the rate may delay; waits is false for none.
func (a *active) againAt() (at time.Time, waits bool) {
	if len(a.absent) == 0 {
		return time.Time{}, false
	}
	if at = a.absent[0].at; at.Before(a.askAt) {
		at = a.askAt
	}
	return at, true
}

// askAbsent asks devices again whose time it is, as the rate permits, before others have their turn.
func (r *Runner) askAbsent(ctx context.Context, a *active) {
	now := time.Now()
	for len(a.absent) > 0 && !a.absent[0].at.After(now) && r.inFlight < maxInFlight {
		ep := a.absent[0].endpoint
		as := a.asking[ep]
		if as != nil && as.absent { // it has not come meanwhile
			if now.Before(a.askAt) {
				return
			}
			as.absent = false
			a.askAt = a.askAt.Add(time.Duration(a.campaign.Interval))
			r.dispatch(ctx, a, ep)
		}
		a.absent = a.absent[1:]
	}
}

// later notes that a device is asked again, as it was absent, and reports whether it is.
func (r *Runner) later(ctx context.Context, a *active, as *asking, reason error) bool {
	d, progress := as.device, a.progress
	if d.Tries+1 >= maxTries || len(a.absent) >= maxAbsent {
		return false
	}
	if d.Tries == 0 {
		progress.Absent++
	}
	d.Tries++
	d.Again = time.Now().Add(time.Duration(a.campaign.Patience) / triesOfPatience).UTC().Round(0)
	d.Detail = outcome.Printable(fmt.Sprintf("%v: it is asked again (%d of %d times so far)", reason, d.Tries, maxTries), store.MaxCampaignDetail)
	if err := r.cfg.Store.AdvanceCampaign(ctx, a.campaign.ID, progress, d); err != nil {
		r.fault(ctx, "campaign not advanced", err)
		a.sweepAt = time.Time{} // which asks it again
		return true
	}
	a.progress, as.device = progress, d
	a.wait(as)
	return true
}

// present takes a device that was absent from what it was counted among.
func (a *active) present(was store.CampaignDevice) {
	if was.State == store.CampaignDeviceAsking && was.Tries > 0 {
		a.progress.Absent--
	}
}
