package bootstrap

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A registry knows the sessions that are running, one for each device apart from
// those that are being superseded.
type registry struct {
	limit int        // of sessions; constant
	loops *loopGuard // asked last, since it counts

	mu       sync.Mutex
	newest   map[lwm2m.EndpointName]*session // guarded by mu
	running  map[*session]struct{}           // guarded by mu
	draining bool                            // guarded by mu
	idle     chan struct{}                   // closed once draining and nothing runs
}

func newRegistry(cfg Config) *registry {
	return &registry{
		limit:   cfg.MaxSessions,
		loops:   newLoopGuard(cfg.LoopLimit, cfg.LoopWindow),
		newest:  make(map[lwm2m.EndpointName]*session),
		running: make(map[*session]struct{}),
		idle:    make(chan struct{}),
	}
}

// add lets s run, or refuses it. A session of the same device that runs already is
// told to end: the client has forgotten it.
func (r *registry) add(s *session) *refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.newest[s.endpoint]
	switch {
	case r.draining:
		return unavailable(store.CauseStopped, "the server is shutting down")
	case old == nil && len(r.running) >= r.limit:
		return unavailable(store.CauseBusy, "%d sessions are running, which is the limit", len(r.running))
	case !r.loops.start(s.endpoint, time.Now()):
		return unavailable(store.CauseLooping, "%d sessions began within %v, which is the limit", r.loops.limit, r.loops.window)
	}
	if old != nil {
		s.previous = old.quiet
		old.cancel(&supersededError{by: s.conn})
	}
	r.newest[s.endpoint] = s
	r.running[s] = struct{}{}
	return nil
}

// retire makes room for the next session of the device: from now on s is not
// superseded any more.
func (r *registry) retire(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest[s.endpoint] == s {
		delete(r.newest, s.endpoint)
	}
}

// remove forgets a session that has ended.
func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, s)
	if r.draining && len(r.running) == 0 {
		close(r.idle)
	}
}

// drain refuses new sessions from now on.
func (r *registry) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.draining && len(r.running) == 0 {
		close(r.idle)
	}
	r.draining = true
}

func (r *registry) isDraining() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.draining
}

// stop tells all sessions to end.
func (r *registry) stop(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.running {
		s.cancel(why)
	}
}

// wait waits until nothing runs after drain was called, or for the end of ctx.
func (r *registry) wait(ctx context.Context) error {
	select {
	case <-r.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// of returns the session of a device that is running, the newest one; nil for none.
func (r *registry) of(ep lwm2m.EndpointName) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.newest[ep]
}

// snapshot returns the records of the sessions as they stand, oldest first.
func (r *registry) snapshot() []store.Session {
	r.mu.Lock()
	sessions := make([]*session, 0, len(r.running))
	for s := range r.running {
		sessions = append(sessions, s)
	}
	r.mu.Unlock()
	records := make([]store.Session, len(sessions))
	for i, s := range sessions {
		records[i] = s.snapshot()
	}
	slices.SortFunc(records, func(a, b store.Session) int { return cmp.Compare(a.ID, b.ID) })
	return records
}
