package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/ratequeue"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Turns are for profiles and LwM2M Servers that have a rate. A session takes one at its begin, before anything is asked
// of the device, and one before its LwM2M Servers are told and Finish is sent: sessions take different times, and what the
// servers behind see is their end. Where it is not its turn yet, the device is held.

// DefaultPatience of a held device is that of a parked one; see [store.DeviceLimits].
const heldPatience = DefaultPatience

// holdMargin is how long before the end of its patience a device must have its turn, so that the session can end in
// time.
const holdMargin = 10 * time.Second

// keepHeld is how often a held device is sent a Bootstrap-Discover, by which it and the NATs on the way know that the
// session goes on.
const keepHeld = 20 * time.Second

// A rateLimit is how many devices a second something lets through.
type rateLimit struct {
	of   LimitOf
	name string
	rate int
}

// A LimitOf is what has a rate.
type LimitOf string

// What has one.
const (
	LimitOfProfile     LimitOf = "profile"
	LimitOfLwM2MServer LimitOf = "lwm2m-server"
)

var limitWords = map[LimitOf]string{LimitOfProfile: "profile", LimitOfLwM2MServer: "LwM2M Server"}

func (l rateLimit) String() string {
	return fmt.Sprintf("%s %q, %d a second", limitWords[l.of], l.name, l.rate)
}

// A turnKey names a queue.
type turnKey struct {
	of     LimitOf
	name   string
	finish bool // before Finish; else at the begin of a session
}

// turns have the queues of all rates.
type turns struct {
	mu     sync.Mutex
	queues map[turnKey]*ratequeue.Queue // guarded by mu
}

// queue returns the queue of a limit. When it makes one it forgets those that are not needed any more.
func (t *turns) queue(l rateLimit, finish bool) *ratequeue.Queue {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := turnKey{l.of, l.name, finish}
	q := t.queues[key]
	if q == nil {
		for other, idle := range t.queues {
			if idle.Idle() {
				delete(t.queues, other)
			}
		}
		q = ratequeue.New(l.rate)
		t.queues[key] = q
	}
	q.SetRate(l.rate)
	return q
}

// A QueueState is how the devices stand that wait for their turn.
type QueueState struct {
	Of   LimitOf
	Name string // of the profile or the LwM2M Server

	Rate    int           // a second
	Waiting int           // devices
	Oldest  time.Duration // for how long the first of them has waited; zero for none
	Passed  uint64        // that had their turn since the queue was made
}

// RateQueues returns how the queues of profiles and LwM2M Servers stand that have a rate and were needed lately, by
// what they are of and name.
func (srv *Server) RateQueues() []QueueState {
	t := srv.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := make(map[turnKey]QueueState)
	for key, q := range t.queues {
		state, finish := q.State(), key.finish
		key.finish = false
		one := sum[key]
		one.Of, one.Name, one.Rate = key.of, key.name, state.Rate
		one.Waiting += state.Waiting
		one.Oldest = max(one.Oldest, state.Oldest)
		if finish {
			one.Passed = state.Passed
		}
		sum[key] = one
	}
	out := make([]QueueState, 0, len(sum))
	for _, state := range sum {
		out = append(out, state)
	}
	slices.SortFunc(out, func(a, b QueueState) int { return cmp.Or(cmp.Compare(a.Of, b.Of), cmp.Compare(a.Name, b.Name)) })
	return out
}

// HeldCount is how many sessions wait for their turn.
func (srv *Server) HeldCount() int { return srv.sessions.heldLen() }

// rateLimits are those of the profile of a device and of the LwM2M Servers that it is to go to. A record that cannot be
// read sets none.
func (srv *Server) rateLimits(ctx context.Context, p store.Profile) (limits []rateLimit) {
	if p.BootstrapsPerSecond > 0 {
		limits = append(limits, rateLimit{LimitOfProfile, p.Name, p.BootstrapsPerSecond})
	}
	look := lookingUp(ctx)
	defer look.end()
	ctx = look
	for i := range p.Accounts {
		a := &p.Accounts[i]
		name := cmp.Or(a.Assigned, a.HandOver)
		if name == "" || slices.ContainsFunc(limits, func(l rateLimit) bool { return l.of == LimitOfLwM2MServer && l.name == name }) {
			continue
		}
		if s, err := srv.cfg.Store.LwM2MServer(ctx, name); err == nil && s.Rate > 0 {
			limits = append(limits, rateLimit{LimitOfLwM2MServer, name, s.Rate})
		}
	}
	return limits
}

// patienceOf is how long a kind of device waits in a session that is kept alive.
func patienceOf(p store.Profile) time.Duration {
	return cmp.Or(time.Duration(p.Device.Patience), heldPatience)
}

// refusesTurn refuses a device that would have its turn too late, or for which there is no room among those that wait. Its
// place is kept for when it comes again.
func (srv *Server) refusesTurn(ctx context.Context, ep lwm2m.EndpointName, p store.Profile) *outcome.Refusal {
	for _, l := range srv.rateLimits(ctx, p) {
		q := srv.turns.queue(l, false)
		ahead, wait := q.Ahead(ep)
		patience := patienceOf(p)
		var f *outcome.Failure
		switch {
		case wait == 0:
			continue
		case wait > max(patience-holdMargin, 0):
			f = outcome.Failed(store.CauseDeferred, "%d devices wait before it for their turn (%v), which takes about %v, and it waits for %v at the most: it was told to come again", ahead, l, wait.Round(time.Second), patience)
		case srv.sessions.heldLen() >= srv.cfg.MaxHeld:
			f = outcome.Failed(store.CauseDeferred, "%d devices wait for their turn, which is the limit: it was told to come again", srv.cfg.MaxHeld)
		default:
			continue
		}
		q.Remember(ep)
		return outcome.ComeAgain(*f, wait)
	}
	return nil
}

// queueUp is the first state of a session: it waits for its turn to begin.
func (s *session) queueUp(ctx context.Context) (state, *outcome.Failure) {
	return s.takeTurn(ctx, s.srv.rateLimits(ctx, s.given.Profile), false, (*session).prepare)
}

// queueOut waits for the turn of a session to end.
func (s *session) queueOut(ctx context.Context) (state, *outcome.Failure) {
	return s.takeTurn(ctx, s.srv.rateLimits(ctx, s.given.Profile), true, (*session).handOver)
}

// takeTurn takes a turn of each limit, one after the other, and goes on to next. A session that has to wait for one goes
// on in a goroutine of its own: the handler of a request that waits for minutes would count as work under way, and hold up
// others under overload.
func (s *session) takeTurn(ctx context.Context, limits []rateLimit, finish bool, next state) (state, *outcome.Failure) {
	for i, l := range limits {
		p := s.srv.turns.queue(l, finish).Join(s.endpoint)
		select {
		case <-p.Turn():
			continue
		default:
		}
		s.waits(p, l)
		wait := func(s *session, ctx context.Context) (state, *outcome.Failure) {
			f := s.hold(ctx, p, l)
			if f == nil && !finish {
				f = s.resolveAgain(ctx)
			}
			if f != nil {
				return nil, f
			}
			return s.takeTurn(ctx, limits[i+1:], finish, next)
		}
		if s.detached {
			return wait, nil
		}
		s.suspended = wait
		return nil, nil
	}
	return next, nil
}

// waits notes for which turn the session waits; nil for none any more.
func (s *session) waits(p *ratequeue.Place, l rateLimit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued, s.limit = p, l
}

// leavePlace gives the place up where the session ends without its turn.
func (s *session) leavePlace() {
	s.mu.Lock()
	p := s.queued
	s.queued = nil
	s.mu.Unlock()
	if p != nil {
		p.Leave()
	}
}

// hold keeps the device waiting until its turn, it goes, or its patience ends.
func (s *session) hold(ctx context.Context, p *ratequeue.Place, l rateLimit) *outcome.Failure {
	defer s.leavePlace()
	began, stage := time.Now(), s.record.Stage
	if refused := s.srv.sessions.hold(s, s.srv.cfg.MaxHeld); refused != nil {
		return &refused.Failure
	}
	defer s.srv.sessions.unhold(s)
	s.deadline.Stop()
	defer s.deadline.Reset(s.srv.cfg.SessionTimeout)
	s.setStage(store.StageQueued)
	s.observe(EventQueued)
	limit := patienceOf(s.given.Profile)
	patience := time.NewTimer(time.Until(s.record.Started.Add(max(limit-holdMargin, 0))))
	defer patience.Stop()
	keepAlive := time.NewTicker(keepHeld)
	defer keepAlive.Stop()
	for {
		select {
		case <-ctx.Done():
			return interruption(ctx, " while it waited for its turn")
		case <-p.Turn():
			s.setStage(stage)
			s.addNotes(fmt.Sprintf("the device waited for its turn for %v (%v)", time.Since(began).Round(time.Millisecond), l))
			return nil
		case <-patience.C:
			ahead, wait := p.Ahead()
			return outcome.Failed(store.CauseDeferred, "it waited for its turn for %v (%v), and would have to wait for %v more with %d devices before it; it waits for %v at the most", time.Since(began).Round(time.Second), l, wait.Round(time.Second), ahead, limit)
		case <-keepAlive.C:
			if f := s.keepAlive(ctx, "its turn"); f != nil {
				return f
			}
		}
	}
}

// resolveAgain resolves what the device is given by its records as they are when its turn comes.
func (s *session) resolveAgain(ctx context.Context) *outcome.Failure {
	look := lookingUp(ctx)
	defer look.end()
	d, refused := s.srv.auth.Authorize(look, s.conn.Peer(), s.endpoint)
	if refused != nil {
		return &refused.Failure
	}
	given, f := s.srv.provider.Resolve(look, d, s.conn.Peer())
	if f == nil {
		s.given = given
	}
	return f
}

// turnText tells how long a session still waits for its turn; empty where it does not. The caller holds mu.
func (s *session) turnText() string {
	if s.queued == nil || s.record.Stage != store.StageQueued {
		return ""
	}
	ahead, wait := s.queued.Ahead()
	return fmt.Sprintf("waits for its turn: %d before it, about %d s (%v)", ahead, int(wait.Seconds()+0.5), s.limit)
}
