package campaign

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Store has the records that campaigns are about. See [store.Store].
type Store interface {
	Campaigns(ctx context.Context) ([]store.CampaignRecord, error)
	Campaign(ctx context.Context, id string) (store.CampaignRecord, error)
	PutCampaign(ctx context.Context, c store.Campaign) (store.Campaign, error)
	AdvanceCampaign(ctx context.Context, id string, p store.CampaignProgress, devices ...store.CampaignDevice) error
	CampaignDevice(ctx context.Context, id string, ep lwm2m.EndpointName) (store.CampaignDevice, error)
	CampaignDevices(ctx context.Context, q store.CampaignDeviceQuery) ([]store.CampaignDevice, error)
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	Profile(ctx context.Context, name string) (store.Profile, error)
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)
	Sessions(ctx context.Context, q store.SessionQuery) ([]store.Session, error)
}

// A Config says what a Runner works on. Every field is required.
type Config struct {
	Store Store

	// Select returns the names of at most limit devices behind after that a selection has now, in their
	// order; fewer only where there are no more.
	Select func(ctx context.Context, s store.CampaignSelection, after lwm2m.EndpointName, limit int) ([]lwm2m.EndpointName, error)

	// Trigger asks a device to bootstrap by the LwM2M Server of this name. Note is what is worth knowing
	// beside; ofServer is whether the error is about the server, and not about the device.
	Trigger func(ctx context.Context, server string, t Trigger) (note string, ofServer bool, err error)

	// Shared says that devices may come to other servers of the store, too: what became of them is looked for in the
	// history.
	Shared bool

	Logger *slog.Logger
	Panics *panics.Guard
}

// A Trigger is that a device be asked to execute its Bootstrap-Request Trigger.
type Trigger struct {
	Endpoint lwm2m.EndpointName
	Instance lwm2m.InstanceID // of Object 1
	Campaign string
}

const (
	// maxInFlight is how many devices are being asked at a time, over all campaigns.
	maxInFlight = 64

	// maxEvents is how many events of sessions wait to be read; where there are more, the history is read.
	maxEvents = 1024

	// looking is how often the records are read without a reason.
	looking = 30 * time.Second

	// storeTimeout bounds one look at the records.
	storeTimeout = 30 * time.Second
)

// A Runner carries campaigns out. Its methods may be called concurrently.
type Runner struct {
	cfg     Config
	events  chan event
	wake    chan struct{}
	results chan result
	any     atomic.Bool // there are campaigns that go on
	missed  atomic.Bool // events were dropped

	// What follows belongs to the goroutine of Run.
	active   map[string]*active // by ID
	inFlight int
	looked   time.Time
}

// An event is what of a session a campaign looks at.
type event struct {
	ended   bool
	session store.Session // its outline: ID, Endpoint, Cause, Started
}

// New returns a Runner.
func New(cfg Config) *Runner {
	return &Runner{
		cfg: cfg, events: make(chan event, maxEvents), wake: make(chan struct{}, 1), results: make(chan result, maxInFlight),
		active: make(map[string]*active),
	}
}

// Wake has the Runner look at the campaigns, which were edited.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Observe tells the Runner of an event of the Bootstrap-Server. It never blocks.
func (r *Runner) Observe(e bootstrap.Event) {
	s := e.Session
	if !r.any.Load() || s.Endpoint == "" || !s.Known || !s.Proof.Counts() || e.Kind != bootstrap.EventStarted && e.Kind != bootstrap.EventEnded {
		return
	}
	select {
	case r.events <- event{e.Kind == bootstrap.EventEnded, store.Session{ID: s.ID, Endpoint: s.Endpoint, Cause: s.Cause, Started: s.Started}}:
	default:
		r.missed.Store(true)
	}
}

// Run carries campaigns out until ctx ends. It returns when no request to an LwM2M Server is under way.
func (r *Runner) Run(ctx context.Context) {
	defer func() {
		for ; r.inFlight > 0; r.inFlight-- {
			<-r.results
		}
	}()
	r.looked = time.Time{}
	for ctx.Err() == nil {
		next := time.Now().Add(looking)
		r.cfg.Panics.Run(panics.Administration, func() { next = r.step(ctx) })
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-r.wake:
			r.looked = time.Time{}
		case e := <-r.events:
			r.cfg.Panics.Run(panics.Administration, func() { r.settle(ctx, e) })
		case done := <-r.results:
			r.cfg.Panics.Run(panics.Administration, func() { r.answered(ctx, done) })
		}
		timer.Stop()
	}
}

// step does what is due, and returns when there is more to do.
func (r *Runner) step(ctx context.Context) (next time.Time) {
	now := time.Now()
	next = now.Add(looking)
	if now.Sub(r.looked) >= looking {
		if err := r.look(ctx); err != nil {
			r.fault(ctx, "campaigns not read", err)
			return now.Add(time.Second)
		}
		r.looked = now
	}
	missed := r.missed.Swap(false) || r.cfg.Shared
	for _, a := range r.active {
		at, err := r.advance(ctx, a, missed)
		if err != nil {
			r.fault(ctx, "campaign not advanced", err)
			at = now.Add(time.Second)
		}
		if at.Before(next) {
			next = at
		}
	}
	return next
}

// fault logs that the store does not do what is asked of it.
func (r *Runner) fault(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		r.cfg.Logger.LogAttrs(ctx, slog.LevelError, what, slog.Any("error", err))
	}
}

// look reads which campaigns go on. How far those have come that went on before is known here.
func (r *Runner) look(ctx context.Context) error {
	reading, done := context.WithTimeout(ctx, storeTimeout)
	defer done()
	all, err := r.cfg.Store.Campaigns(reading)
	if err != nil {
		return err
	}
	there := make(map[string]bool)
	for _, record := range all {
		if record.Campaign.State.Ended() {
			continue
		}
		there[record.Campaign.ID] = true
		a := r.active[record.Campaign.ID]
		if a == nil {
			a = &active{progress: record.Progress, asking: make(map[lwm2m.EndpointName]*asking), fresh: true}
			r.active[record.Campaign.ID] = a
		}
		resumed := a.campaign.State == store.CampaignPaused && record.Campaign.State == store.CampaignRunning
		a.campaign = record.Campaign
		if resumed {
			r.askAgain(ctx, a)
		}
	}
	for id := range r.active {
		if !there[id] {
			delete(r.active, id)
		}
	}
	r.any.Store(len(r.active) > 0)
	return nil
}

// advance takes a campaign as far as it can go now, and returns when it can go on.
func (r *Runner) advance(ctx context.Context, a *active, missed bool) (next time.Time, err error) {
	now := time.Now()
	if a.fresh || missed || !now.Before(a.sweepAt) {
		if err := r.sweep(ctx, a, missed || a.fresh); err != nil {
			return now, err
		}
		a.fresh, a.sweepAt = false, now.Add(a.sweepEvery())
	}
	if a.campaign.State != store.CampaignRunning {
		return a.sweepAt, nil
	}
	if reason := a.tooManyFailed(); reason != "" {
		return a.sweepAt, r.change(ctx, a, store.CampaignPaused, reason)
	}
	if a.progress.Complete && len(a.asking) == 0 && a.progress.Waiting() == 0 {
		return a.sweepAt, r.change(ctx, a, store.CampaignDone, "")
	}
	at, err := r.ask(ctx, a)
	if err != nil || a.sweepAt.Before(at) {
		at = a.sweepAt
	}
	return at, err
}

// change gives a campaign another state. Where an operator was faster, theirs counts.
func (r *Runner) change(ctx context.Context, a *active, state store.CampaignState, reason string) error {
	c := a.campaign
	c.State, c.Reason = state, reason
	if state.Ended() {
		c.Ended = time.Now().UTC()
	}
	kept, err := r.cfg.Store.PutCampaign(ctx, c)
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		r.looked = time.Time{}
		return nil
	}
	if err != nil {
		return err
	}
	a.campaign = kept
	if state.Ended() {
		delete(r.active, c.ID)
		r.any.Store(len(r.active) > 0)
	}
	r.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "campaign "+string(state), slog.String("campaign", c.ID), slog.String("reason", reason),
		slog.Int("done", a.progress.Done), slog.Int("failed", a.progress.Failed), slog.Int("silent", a.progress.Silent), slog.Int("not-asked", a.progress.NotAsked))
	return nil
}
