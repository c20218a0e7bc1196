package bootstrap

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/bootstrap/plan"
	"lwbs/bootstrap/profile"
	"lwbs/bootstrap/ratequeue"
	"lwbs/lwm2m"
	"lwbs/lwm2m/link"
	"lwbs/store"
	"lwbs/store/grammar"
)

// A session bootstraps one client, from the accepted Bootstrap-Request to the answer
// to Bootstrap-Finish (Core 1.1.1 §6.1.7). One goroutine runs it, and it has one
// request outstanding at a time.
//
//	(validate) ---> queueUp ---> prepare ---> discover ---> operate ---> (verify) ---> queueOut ---> (handOver) ---> finish ---> end
//	                                                         \___/ once for each planned Delete and Write
//
// The session of an unknown device waits for approval before prepare: see park.
//
// Over plain CoAP it begins with validate. Until that is done it is not the session of its
// device: the address of its client may be forged.
//
// A Bootstrap-Pack is a session too, a short one: see servePack.
type session struct {
	srv      *Server
	conn     Conn
	endpoint lwm2m.EndpointName
	cancel   context.CancelCauseFunc

	// previous, where not nil, is closed once the session that this one supersedes
	// is quiet; quiet is closed once this one has sent its last request and has
	// edited the device record for the last time.
	previous <-chan struct{}
	quiet    chan struct{}

	// shared is whether another session of the device ran when this one began. What the client
	// told before the end of that one may not be true any more.
	shared bool

	waiting *list.Element // guarded by mu of the registry; nil unless unvalidated

	parking *parking // of an unknown device; nil elsewhere

	deadline *time.Timer // ends the session; stopped while it is held; nil before a parked one is approved

	// What follows belongs to the goroutine of run.

	told       *Response                            // to Discover, in validate; nil where that is to be sent
	given      *profile.Provision                   // at first as it was when the request came
	seen       store.Revisions                      // of the records that permitted given last
	found      *link.Discovery                      // what the client said it has; nil where it did not tell
	operations []plan.Operation                     // of the plan, all of them
	left       []planned                            // what is left of the plan
	writes     map[lwm2m.Path]store.WrittenInstance // what it writes, as a record remembers it
	changes    plan.Changes                         // what the client has done of it, or may have
	content    []lwm2m.Object                       // what the Writes of all of it write
	intended   lwm2m.Format                         // of the Writes
	format     lwm2m.Format                         // of the next one
	untried    []lwm2m.Format                       // to fall back on, where they can carry the plan
	written    bool                                 // a Write was accepted
	separate   bool                                 // Finish was answered in a message of its own
	willing    bool                                 // the client answered a Discover with success while it was kept waiting
	suspended  state                                // where the session goes on in a goroutine of its own; nil where it has not to
	detached   bool                                 // it is in that goroutine

	mu     sync.Mutex
	record store.Session    // guarded by mu; changed by run only
	queued *ratequeue.Place // where it waits for its turn; nil where it does not; guarded by mu
	limit  rateLimit        // that it waits for; guarded by mu
}

// A deadlineError tells a session that it took too long. The context of a session ends with it,
// with a supersededError, or with [ErrStopping].
type deadlineError struct{ limit time.Duration }

func (*deadlineError) Error() string { return "session took too long" }

// A supersededError tells a session that its client has begun a new one.
type supersededError struct{ by Conn }

func (*supersededError) Error() string { return "superseded by a newer Bootstrap-Request" }

// newSession returns a session and the context to run it in, which ends with the
// association, at the deadline, or with cancel.
func (srv *Server) newSession(ctx context.Context, conn Conn, record store.Session) (*session, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	limit := srv.cfg.SessionTimeout
	return &session{
		srv:      srv,
		conn:     conn,
		endpoint: record.Endpoint,
		cancel:   cancel,
		deadline: time.AfterFunc(limit, func() { cancel(&deadlineError{limit}) }),
		quiet:    make(chan struct{}),
		record:   record,
	}, ctx
}

// A state is a part of a session; it returns the one that follows, nil at the end.
type state func(*session, context.Context) (state, *outcome.Failure)

// run carries the session out, and returns when the last request to the client is answered. The
// writes to the disk that follow run in another goroutine: they hold up no other session.
func (s *session) run(ctx context.Context) {
	if s.parking != nil {
		s.runParked(ctx)
		return
	}
	f := s.performPart(ctx, s.perform)
	if f != nil || s.suspended == nil {
		go s.end(ctx, f) // the registry knows the session until it has ended
		return
	}
	go func() {
		s.detached = true
		f := s.performPart(ctx, func(ctx context.Context) *outcome.Failure { return s.advance(ctx, s.suspended) })
		s.end(ctx, f)
	}()
}

// performPart carries a part of the session out. A panic ends it like any other failure.
func (s *session) performPart(ctx context.Context, part func(context.Context) *outcome.Failure) (f *outcome.Failure) {
	defer s.srv.cfg.Panics.Contain(panics.Session, func() { f = outcome.Panicked() })
	return part(ctx)
}

// perform carries the session out, as far as it has not to wait for its turn.
func (s *session) perform(ctx context.Context) (f *outcome.Failure) {
	s.await()
	first := state((*session).validate)
	if s.record.Proof.Counts() {
		s.srv.history.Began(s.snapshot())
		s.observe(EventStarted)
		first = (*session).queueUp
	}
	return s.advance(ctx, first)
}

// await waits until the session that this one supersedes is quiet, if it does.
func (s *session) await() {
	if s.previous != nil {
		<-s.previous // its context has ended: this cannot take long
	}
}

func (s *session) advance(ctx context.Context, next state) (f *outcome.Failure) {
	for next != nil && f == nil {
		if ctx.Err() != nil {
			return interruption(ctx, "")
		}
		if s.seen != (store.Revisions{}) { // else prepare is about to look at the records
			f = s.permitted(ctx)
		}
		if f == nil {
			next, f = next(s, ctx)
		}
	}
	return f
}

// prepare looks whether the record has changed, since the session before this one may have
// edited it, and keeps new keys before the client can have them.
func (s *session) prepare(ctx context.Context) (state, *outcome.Failure) {
	given, f := s.srv.provider.Keep(ctx, s.endpoint, s.conn.Peer(), s.given)
	if f != nil {
		return nil, f
	}
	s.adopt(given, plan.WriteFormat(given.Device, given.Profile, s.record.PreferredFormat))
	s.untried = plan.Fallbacks(given.Profile, s.format)
	return (*session).discover, nil
}

// adopt makes given what the client is given from now on, in this format.
func (s *session) adopt(given *profile.Provision, format lwm2m.Format) {
	s.given, s.intended, s.format = given, format, format
	s.seen = store.RevisionsOf(given.Device, given.Profile, store.Group{}) // that of a group is looked at before the next operation
	s.tune()
	s.update(func(r *store.Session) {
		r.Profile, r.ProfileRevision = given.Profile.Name, given.Profile.Revision
		r.DeviceRevision = given.Device.Revision
		r.Format = format
	})
	s.addNotes(given.Notes...)
}

// tune tells the message layer what is special about the client.
func (s *session) tune() {
	limits := s.given.Profile.Device
	s.conn.Tune(Tuning{AckTimeout: time.Duration(limits.AckTimeout), BlockSize: limits.BlockSize})
}

// discover asks where the client keeps its Bootstrap-Server Account, and plans.
//
// A client that refuses to tell is treated as the profile says. One that is silent
// ends the session: most likely it is out of reach, and a guess could overwrite the
// account that it needs to come back.
func (s *session) discover(ctx context.Context) (state, *outcome.Failure) {
	s.setStage(store.StageDiscover)
	answer, f := s.askDiscover(ctx)
	if f != nil && (f.Cause != store.CauseReset || !s.conn.Peer().Secure()) {
		return nil, f
	}
	var found *link.Discovery
	if f == nil && answer.Code == lwm2m.CodeContent {
		d := link.ParseDiscovery(answer.Payload)
		found = &d
		s.update(func(r *store.Session) { r.Links = outcome.Printable(string(answer.Payload), outcome.MaxLinks) })
	}
	if !plan.LocatesAccount(s.given.Profile, found) {
		return nil, outcome.Failed(store.CauseDiscoverFailed, "the client did not tell which Security Object Instance its Bootstrap-Server Account is, and the profile does not permit to assume one")
	}
	if found == nil {
		s.tolerate()
	}
	p, err := plan.Make(s.given.Profile, s.given.Device, s.given.Info, found)
	if n := p.Deletions(); n > plan.MaxDeletions {
		return nil, outcome.Failed(store.CauseAnswerTooLarge, "the client told of so many Instances that %d would have to be deleted, which is more than %d", n, plan.MaxDeletions)
	}
	if err != nil {
		return nil, outcome.Failed(store.CausePlanInvalid, "%v", err)
	}
	s.found, s.content, s.writes = found, p.Content, p.Given
	s.operations, s.left = p.Operations, plannedOf(p.Operations)
	s.changes.Found = found
	s.addQuirks(p.Quirks...)
	return (*session).operate, s.encodable()
}

// operate carries out the next planned operation. Never two at once: a client cut off
// halfway must not hold a write without those before it.
func (s *session) operate(ctx context.Context) (state, *outcome.Failure) {
	switch {
	case len(s.left) > 0:
	case s.given.Profile.Verify == grammar.VerifyRecord, s.given.Profile.Verify == grammar.VerifyFail:
		return (*session).verify, nil
	default:
		return (*session).queueOut, nil
	}
	o := s.left[0]
	s.left = s.left[1:]
	act := s.delete
	if o.Op == lwm2m.OpWrite {
		act = s.write
	}
	return (*session).operate, act(ctx, o)
}

// delete carries out a Delete. One that fails does not end the session: most often there is
// nothing to delete, or the client keeps what it must. The Writes that follow show which.
func (s *session) delete(ctx context.Context, o planned) *outcome.Failure {
	s.setStage(store.StageDelete)
	answer, f := s.do(ctx, step{op: o.Op, path: o.Path})
	if f == nil && (answer.Code.Success() || answer.Code == lwm2m.CodeNotFound) {
		s.changes.Deleted = append(s.changes.Deleted, o.Path)
	}
	switch {
	case f != nil && f.Cause == store.CauseReset:
		s.tolerate()
		return nil
	case f != nil:
		return f
	case answer.Code == lwm2m.CodeChanged:
		s.addQuirks("answers Bootstrap-Delete with 2.04 in place of 2.02")
	case answer.Code != lwm2m.CodeDeleted:
		s.tolerate()
	}
	return nil
}

// finish tells the client that it has everything. A failure from here on is uncertain: a client
// that does not answer may have registered already.
func (s *session) finish(ctx context.Context) (state, *outcome.Failure) {
	s.setStage(store.StageFinish)
	answer, f := s.do(ctx, step{op: lwm2m.OpFinish})
	switch {
	case f != nil && (f.Cause == store.CauseSuperseded || f.Cause == store.CauseStopped || f.Cause == store.CauseInternal):
		return nil, f
	case f != nil:
		return nil, outcome.Failed(store.CauseFinishUnknown, "%s", f.Detail)
	case !answer.Code.Success():
		return nil, &outcome.Failure{Cause: store.CauseFinishRefused, Detail: s.refused().Detail}
	case answer.Code != lwm2m.CodeChanged:
		s.addQuirks(fmt.Sprintf("answers Bootstrap-Finish with %s in place of 2.04", answer.Code.Dotted()))
	}
	s.separate = answer.Separate
	s.setStage(store.StageDone)
	return nil, nil
}
