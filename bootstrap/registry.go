package bootstrap

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap/loopguard"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A registry knows the sessions that are running, one for each device apart from
// those that are being superseded, and the requests that may become sessions: see
// [unvalidated].
type registry struct {
	limit int              // of sessions; constant
	loops *loopguard.Guard // asked last, since it counts what it is asked about

	parkLoops *loopguard.Guard // the same for unknown devices
	pending   *pending.List    // has each parked session

	mu          sync.Mutex
	newest      map[lwm2m.EndpointName]*session // guarded by mu
	ending      map[lwm2m.EndpointName]*session // that send nothing more, and are not in the history yet; guarded by mu
	running     map[*session]struct{}           // guarded by mu
	unvalidated unvalidated                     // guarded by mu
	parked      map[parkKey]*session            // guarded by mu; of unknown devices, that wait for approval
	held        map[*session]struct{}           // of running, those that wait for their turn; guarded by mu
	open        int                             // guarded by mu; sessions, parked ones and unvalidated requests, until remove
	draining    bool                            // guarded by mu
	idle        chan struct{}                   // closed once draining and nothing runs
	empty       chan struct{}                   // closed once draining and nothing is open
}

func newRegistry(cfg Config, list *pending.List) *registry {
	return &registry{
		parkLoops:   loopguard.New(cfg.LoopLimit, cfg.LoopWindow),
		pending:     list,
		parked:      make(map[parkKey]*session),
		limit:       cfg.MaxSessions,
		loops:       loopguard.New(cfg.LoopLimit, cfg.LoopWindow),
		newest:      make(map[lwm2m.EndpointName]*session),
		ending:      make(map[lwm2m.EndpointName]*session),
		running:     make(map[*session]struct{}),
		held:        make(map[*session]struct{}),
		unvalidated: newUnvalidated(cfg.MaxUnvalidated),
		idle:        make(chan struct{}),
		empty:       make(chan struct{}),
	}
}

// refuses returns why no session with this record may begin now, as far as that is known before
// the profile is resolved. It counts nothing; add decides and counts.
func (r *registry) refuses(record store.Session) *outcome.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.draining:
		return r.stopping()
	case record.Proof.Counts() && r.full(record.Endpoint):
		return r.busy()
	case r.loops.Exceeded(record.Endpoint, time.Now()):
		return r.rateLimited()
	}
	return nil
}

// full reports whether there is no room for a session of a device. The caller holds mu.
func (r *registry) full(ep lwm2m.EndpointName) bool {
	return r.newest[ep] == nil && len(r.running)-len(r.held) >= r.limit
}

// busy refuses a session for which there is no room. The caller holds mu.
func (r *registry) busy() *outcome.Refusal {
	return outcome.Unavailable(store.CauseBusy, "%d sessions are running, which is the limit", len(r.running)-len(r.held))
}

func (r *registry) stopping() *outcome.Refusal {
	return outcome.Unavailable(store.CauseStopped, "the server is shutting down")
}

// add lets s begin, or refuses it. While the address of its client is unvalidated, s is no
// session of the device yet: see [registry.claim].
func (r *registry) add(s *session) (refused *outcome.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.draining:
		refused = r.stopping()
	case s.parking != nil && s.conn.Peer().Secure():
		refused = r.park(s)
	case s.record.Proof.Counts():
		refused = r.begin(s)
	default:
		refused = r.wait(s)
	}
	if refused == nil {
		r.open++
	}
	return refused
}

// wait lets s wait for the first answer of its client, or refuses it. The caller holds mu.
func (r *registry) wait(s *session) *outcome.Refusal {
	if r.loops.Exceeded(s.endpoint, time.Now()) {
		return r.rateLimited()
	}
	if s.parking != nil {
		r.unvalidated.add(s)
		return nil
	}
	switch old := r.newest[s.endpoint]; {
	case old == nil:
	case old.key() == s.key(): // where the client has answered
		r.supersede(old, s)
	default:
		s.shared = true
	}
	r.unvalidated.add(s)
	return nil
}

// claim makes s the session of its device, now that its client has answered. It reports false
// where s was told to end before.
func (r *registry) claim(s *session) (refused *outcome.Refusal, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case s.waiting == nil:
		return nil, false
	case r.draining && (s.parking != nil || len(r.running) == 0): // the server does not wait for it
		return r.stopping(), true
	}
	begin := r.begin
	if s.parking != nil {
		begin = r.park
	}
	if refused = begin(s); refused == nil {
		r.unvalidated.remove(s)
	}
	return refused, true
}

// begin lets s run as the session of its device, or refuses it. A session of the device that
// runs already is told to end: the client has forgotten it. The caller holds mu.
func (r *registry) begin(s *session) *outcome.Refusal {
	old := r.newest[s.endpoint]
	switch {
	case r.full(s.endpoint):
		return r.busy()
	case !r.loops.Start(s.endpoint, time.Now()):
		return r.rateLimited()
	}
	if old != nil {
		s.shared = true
		r.supersede(old, s)
	}
	r.newest[s.endpoint] = s
	r.running[s] = struct{}{}
	return nil
}

func (r *registry) rateLimited() *outcome.Refusal {
	return outcome.Unavailable(store.CauseRateLimited, "%d sessions began within %v, which is the limit", r.loops.Limit, r.loops.Window)
}

// supersede tells old to end, and s to wait for that. The caller holds mu.
func (r *registry) supersede(old, s *session) {
	s.previous = old.quiet
	old.cancel(&supersededError{by: s.conn})
}

// hold notes that s waits for its turn, with at most limit others, or refuses that.
func (r *registry) hold(s *session, limit int) *outcome.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.draining:
		return r.stopping()
	case len(r.held) >= limit:
		return outcome.Unavailable(store.CauseDeferred, "%d devices wait for their turn, which is the limit", limit)
	}
	r.held[s] = struct{}{}
	return nil
}

func (r *registry) unhold(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, s)
}

func (r *registry) heldLen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.held)
}

// retire makes room for the next session of the device: s is not superseded from now on.
func (r *registry) retire(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest[s.endpoint] == s {
		delete(r.newest, s.endpoint)
		r.ending[s.endpoint] = s
	}
}

// remove forgets a session that has ended.
func (r *registry) remove(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, s)
	if r.ending[s.endpoint] == s {
		delete(r.ending, s.endpoint)
	}
	r.unpark(s)
	r.unvalidated.remove(s)
	r.open--
	r.signal()
}

// signal tells those who wait that nothing is left, once. The caller holds mu.
func (r *registry) signal() {
	if !r.draining || len(r.running) > 0 {
		return
	}
	closeOnce(r.idle)
	if r.open == 0 {
		closeOnce(r.empty)
	}
}

// closeOnce closes a channel that is closed only here, and by one goroutine at a time.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// drain refuses new sessions from now on.
func (r *registry) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
	for _, s := range r.parked { // a stop waits for none of them
		s.cancel(ErrStopping)
	}
	for s := range r.held { // nor of these
		s.cancel(ErrStopping)
	}
	r.signal()
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
	for _, s := range r.parked {
		s.cancel(why)
	}
	for s := range r.unvalidated.all() {
		s.cancel(why)
	}
}

// waitAll waits until nothing is open, after drain and stop were called.
func (r *registry) waitAll() { <-r.empty }

// drained waits until no session runs after drain was called, or for the end of ctx. Requests
// whose clients have not answered are not waited for: they may be forged.
func (r *registry) drained(ctx context.Context) error {
	select {
	case <-r.idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// find returns the newest session of a device that is running. Where there is none, it returns the first of
// these that there is: the session that is about to be written to the history, that of a device which gave
// this name and waits for approval, the newest unvalidated request in its name; nil for none.
func (r *registry) find(ep lwm2m.EndpointName) *session {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.newest[ep]; s != nil {
		return s
	}
	if s := r.ending[ep]; s != nil {
		return s
	}
	if s := r.parkedUnder(ep); s != nil {
		return s
	}
	return r.unvalidated.newest(ep)
}

// count is how many sessions are running.
func (r *registry) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.running) - len(r.held)
}

// snapshot returns the records of the sessions as they stand, those that are parked too, oldest first.
func (r *registry) snapshot() []store.Session {
	r.mu.Lock()
	sessions := make([]*session, 0, len(r.running)+len(r.parked))
	for _, s := range r.parked {
		sessions = append(sessions, s)
	}
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
