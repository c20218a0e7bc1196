package campaign

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
)

// catchUp is how late a device may be asked without the next one being later, too.
const catchUp = 100 * time.Millisecond

// page is how many devices are selected at a time.
const page = 200

// ask asks the devices whose time or turn it is, and returns when it is that of the next.
func (r *Runner) ask(ctx context.Context, a *active) (next time.Time, err error) {
	if now := time.Now(); now.Sub(a.askAt) > max(time.Duration(a.campaign.Interval), catchUp) { // the rate is an upper bound
		a.askAt = now
	}
	r.askAbsent(ctx, a)
	next, err = r.askNext(ctx, a)
	if at, waits := a.againAt(); waits && err == nil && r.inFlight < maxInFlight && at.Before(next) {
		next = at
	}
	return next, err
}

// askNext asks the devices whose turn it is, and returns when it is that of the next.
func (r *Runner) askNext(ctx context.Context, a *active) (next time.Time, err error) {
	now, gap := time.Now(), time.Duration(a.campaign.Interval)
	if a.progress.Complete {
		return now.Add(looking), nil
	}
	due := 0
	if !now.Before(a.askAt) {
		due = int(now.Sub(a.askAt)/gap) + 1
	}
	n := min(due, maxInFlight-r.inFlight, a.room())
	if n <= 0 {
		if due > 0 { // an event or a result wakes the Runner
			return now.Add(looking), nil
		}
		return a.askAt, nil
	}
	if err := r.fill(ctx, a, n); err != nil {
		return now, err
	}
	n = min(n, len(a.turn))
	names := a.turn[:n]
	a.turn = a.turn[n:]
	progress := a.progress
	var devices []store.CampaignDevice
	for _, ep := range names {
		devices = append(devices, store.CampaignDevice{Endpoint: ep, State: store.CampaignDeviceAsking, Asked: now.UTC()})
		progress.After = ep
	}
	progress.Complete = len(a.turn) == 0 && a.last
	if n > 0 || progress.Complete != a.progress.Complete {
		if err := r.cfg.Store.AdvanceCampaign(ctx, a.campaign.ID, progress, devices...); err != nil {
			a.turn = append(names, a.turn...)
			return now, err
		}
		a.progress = progress
	}
	for _, d := range devices {
		a.asking[d.Endpoint] = &asking{device: d}
		r.dispatch(ctx, a, d.Endpoint)
	}
	if a.progress.Complete {
		return now.Add(looking), nil
	}
	a.askAt = a.askAt.Add(time.Duration(n) * gap)
	return a.askAt, nil
}

// fill selects devices until n are there, or there are no more.
func (r *Runner) fill(ctx context.Context, a *active, n int) error {
	for len(a.turn) < n && !a.last && !a.progress.Complete {
		after := a.progress.After
		if len(a.turn) > 0 {
			after = a.turn[len(a.turn)-1]
		}
		names, err := r.cfg.Select(ctx, a.campaign.Select, after, page)
		if err != nil {
			return err
		}
		a.turn, a.last = append(a.turn, names...), len(names) < page
	}
	return nil
}

// askAgain asks the devices that were being asked when the campaign was paused or the server was killed.
func (r *Runner) askAgain(ctx context.Context, a *active) {
	for ep, as := range a.asking {
		if !as.inFlight && !as.absent && r.inFlight < maxInFlight {
			r.dispatch(ctx, a, ep)
		}
	}
}

// A result is what became of the request to an LwM2M Server.
type result struct {
	campaign string
	endpoint lwm2m.EndpointName
	note     string
	ofServer bool
	err      error
}

// dispatch has another goroutine ask a device that is among those that are being asked.
func (r *Runner) dispatch(ctx context.Context, a *active, ep lwm2m.EndpointName) {
	a.asking[ep].inFlight = true
	r.inFlight++
	done := result{campaign: a.campaign.ID, endpoint: ep, err: errors.New("the server panicked as it asked it; its log has the stack")}
	go func() {
		defer func() { r.results <- done }()
		r.cfg.Panics.Run(panics.Administration, func() { done = r.trigger(ctx, done) })
	}()
}

// trigger asks a device by the first of its LwM2M Servers that can.
func (r *Runner) trigger(ctx context.Context, of result) result {
	all, why, err := ways(ctx, r.cfg.Store, of.endpoint)
	if err != nil {
		of.err = err
		return of
	}
	of.err = errors.New(why)
	for i, way := range all {
		note, ofServer, err := r.cfg.Trigger(ctx, way.Server, Trigger{of.endpoint, way.Instance, of.campaign})
		if err == nil {
			of.note, of.ofServer, of.err = note, false, nil
			break
		}
		err = fmt.Errorf("LwM2M Server %q: %w", way.Server, err)
		if i == 0 || weight(ofServer, err) > weight(of.ofServer, of.err) { // the device may be at the one that cannot be asked, or be there later
			of.ofServer, of.err = ofServer, err
		}
	}
	return of
}

// weight is greater for an error that leaves more open.
func weight(ofServer bool, err error) int {
	var absent *AbsentError
	switch {
	case ofServer:
		return 2
	case errors.As(err, &absent):
		return 1
	}
	return 0
}

// answered notes what became of a request, unless the device has come meanwhile.
func (r *Runner) answered(ctx context.Context, done result) {
	r.inFlight--
	a := r.active[done.campaign]
	if a == nil {
		return
	}
	as := a.asking[done.endpoint]
	if as == nil {
		return
	}
	as.inFlight = false
	if ctx.Err() != nil { // it is asked again when the server runs again
		return
	}
	if done.ofServer && !as.again {
		as.again = true
		if a.campaign.State != store.CampaignRunning {
			return
		}
		if err := r.change(ctx, a, store.CampaignPaused, outcome.Printable("no device can be asked: "+done.err.Error()+": try lwbs lwm2m-server test, then lwbs campaign resume", store.MaxCampaignDetail)); err != nil {
			r.fault(ctx, "campaign not paused", err)
		}
		return
	}
	if weight(done.ofServer, done.err) == 1 && r.later(ctx, a, as, done.err) {
		return
	}
	was, d := as.device, as.device
	progress := a.progress
	a.present(was)
	d.Again = time.Time{}
	if d.Detail = outcome.Printable(done.note, store.MaxCampaignDetail); done.err == nil {
		a.begun(was)
		d.State = store.CampaignDeviceAsked
	} else {
		reason := done.err.Error()
		if was.Tries > 0 {
			d.Tries++
			reason += fmt.Sprintf(" (asked %d times)", d.Tries)
		}
		d.State, d.Detail = store.CampaignDeviceNotAsked, outcome.Printable(reason, store.MaxCampaignDetail)
		a.progress.NotAsked++
		if !a.list(was) {
			d.State = store.CampaignDeviceDone // which is not kept
		}
	}
	delete(a.asking, done.endpoint)
	if err := r.cfg.Store.AdvanceCampaign(ctx, a.campaign.ID, a.progress, d); err != nil {
		r.fault(ctx, "campaign not advanced", err)
		a.progress, a.asking[done.endpoint] = progress, as
		a.sweepAt = time.Time{} // which asks it again
	}
}
