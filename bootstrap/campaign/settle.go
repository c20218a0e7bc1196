package campaign

import (
	"context"
	"errors"
	"slices"
	"time"

	"lwbs/store"
)

// settle notes for each campaign what a session is for its device.
func (r *Runner) settle(ctx context.Context, e event) {
	for _, a := range r.active {
		d, err := r.cfg.Store.CampaignDevice(ctx, a.campaign.ID, e.session.Endpoint)
		if err == nil {
			err = r.apply(ctx, a, d, e)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			r.fault(ctx, "campaign not advanced", err)
			a.fresh = true // what was missed is in the history
		}
	}
}

// undecided are causes after which a device comes again by itself, or that tell of no bootstrap.
var undecided = []store.Cause{
	store.CauseIdle, store.CauseNoRequest, store.CauseClosedUnused, store.CauseKeyChanged, store.CauseAssociationUnknown,
	store.CauseSuperseded, store.CauseStopped, store.CauseBusy, store.CauseRateLimited,
}

// apply notes what a session is for a device of a campaign. One of before it was asked is nothing.
func (r *Runner) apply(ctx context.Context, a *active, was store.CampaignDevice, e event) error {
	if e.session.Started.Before(was.Asked) || e.ended && slices.Contains(undecided, e.session.Cause) {
		return nil
	}
	d, before := was, a.progress
	d.Session, d.Cause = e.session.ID, e.session.Cause
	d.Again, d.Detail = time.Time{}, ""
	came := was.State == store.CampaignDeviceAsking || was.State == store.CampaignDeviceAsked || was.State == store.CampaignDeviceSilent
	switch {
	case !e.ended:
		if was.State != store.CampaignDeviceAsking && was.State != store.CampaignDeviceAsked {
			return nil
		}
		d.State = store.CampaignDeviceCame
	case e.session.Cause.Failure():
		if was.State == store.CampaignDeviceFailed {
			return nil
		}
		d.State = store.CampaignDeviceFailed
	default:
		d.State = store.CampaignDeviceDone
	}
	if was.State == store.CampaignDeviceNotAsked {
		return nil // it came by itself, and is not counted among those that were asked
	}
	a.begun(was)
	a.present(was)
	if came {
		a.progress.Came++
	}
	a.leave(was)
	switch d.State {
	case store.CampaignDeviceDone:
		a.progress.Done++
	case store.CampaignDeviceFailed:
		a.progress.Failed++
		if !a.list(was) {
			d.State = store.CampaignDeviceDone // which is not kept
		}
	}
	if err := r.cfg.Store.AdvanceCampaign(ctx, a.campaign.ID, a.progress, d); err != nil {
		a.progress = before
		return err
	}
	delete(a.asking, d.Endpoint)
	return nil
}

// leave takes a device from what it was counted among.
func (a *active) leave(was store.CampaignDevice) {
	switch was.State {
	case store.CampaignDeviceFailed:
		a.progress.Failed--
	case store.CampaignDeviceSilent:
		a.progress.Silent--
	}
}

// sweep looks at the devices of which it is not known what becomes of them: those that have not come in time
// are silent. With history set it looks for sessions of each that no event has told of; of those whose time is
// over it always does.
func (r *Runner) sweep(ctx context.Context, a *active, history bool) error {
	q := store.CampaignDeviceQuery{Campaign: a.campaign.ID, Open: true, Limit: page}
	for {
		devices, err := r.cfg.Store.CampaignDevices(ctx, q)
		if err != nil {
			return err
		}
		for _, d := range devices {
			if err := r.sweepDevice(ctx, a, d, history); err != nil {
				return err
			}
		}
		if len(devices) < page {
			return ctx.Err()
		}
		q.After = devices[len(devices)-1].Endpoint
	}
}

func (r *Runner) sweepDevice(ctx context.Context, a *active, d store.CampaignDevice, history bool) error {
	late := time.Since(d.Asked) > time.Duration(a.campaign.Patience)
	as := a.asking[d.Endpoint]
	if d.State == store.CampaignDeviceAsking && as == nil { // the server was killed as it asked
		as = &asking{device: d}
		a.asking[d.Endpoint] = as
		if !d.Again.IsZero() {
			a.wait(as)
		}
	}
	if history || late {
		e, found, err := r.newest(ctx, d)
		if err != nil {
			return err
		}
		if found {
			return r.apply(ctx, a, d, e)
		}
	}
	switch {
	case as != nil && !as.inFlight && !as.absent && a.campaign.State == store.CampaignRunning && r.inFlight < maxInFlight:
		r.dispatch(ctx, a, d.Endpoint)
		return nil
	case as != nil || !late:
		return nil
	}
	before, was := a.progress, d
	d.State = store.CampaignDeviceSilent
	if a.progress.Silent++; !a.list(was) {
		d.State = store.CampaignDeviceDone // which is not kept
	}
	if err := r.cfg.Store.AdvanceCampaign(ctx, a.campaign.ID, a.progress, d); err != nil {
		a.progress = before
		return err
	}
	return nil
}

// newest is the newest session of a device since it was asked that tells what becomes of it.
func (r *Runner) newest(ctx context.Context, d store.CampaignDevice) (e event, found bool, err error) {
	own, err := r.cfg.Store.Sessions(ctx, store.SessionQuery{Endpoint: d.Endpoint, Own: true, Limit: store.OutlineSessions})
	if err != nil {
		return e, false, err
	}
	for _, s := range own {
		if !s.Started.Before(d.Asked) && !slices.Contains(undecided, s.Cause) {
			return event{true, store.Session{ID: s.ID, Endpoint: s.Endpoint, Cause: s.Cause, Started: s.Started}}, true, nil
		}
	}
	return e, false, nil
}
