package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
)

// What a parked session has beside that of a known device. It belongs to the goroutine of run, unless
// something else is said.
type parking struct {
	waiter
	id    string        // on the list; guarded by mu of the registry until the session is parked
	woken chan struct{} // has an element when the records are to be looked at

	held    bool   // the device has answered, or is authenticated: it waits in a goroutine of its own
	refused string // why a record of its name does not permit it; empty where there is none
}

// lookEvery is how often a parked session looks whether there is a record of its device by now, which
// may have been added by hand.
const lookEvery = time.Second

// newParked returns a session of a device that has no record. It has no deadline before it is
// approved.
func (srv *Server) newParked(ctx context.Context, conn Conn, w *waiter, record store.Session) (*session, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	p := &parking{waiter: *w, woken: make(chan struct{}, 1)}
	return &session{
		srv: srv, conn: conn, endpoint: record.Endpoint, quiet: make(chan struct{}), record: record, parking: p,
		cancel: cancel,
	}, ctx
}

// runParked carries the session of an unknown device out. It returns when the device has answered for
// the first time: a handler that waits for hours would count as work under way, and hold up others
// under overload.
func (s *session) runParked(ctx context.Context) {
	f := s.performPart(ctx, s.probe)
	if f != nil || !s.parking.held {
		go s.end(ctx, f)
		return
	}
	go func() {
		f := s.performPart(ctx, func(ctx context.Context) *outcome.Failure { return s.advance(ctx, (*session).park) })
		s.end(ctx, f)
	}()
}

// probe asks the device what it has, by which it shows that it is there. Over plain CoAP that validates
// its address (see validate), and only then it is parked.
func (s *session) probe(ctx context.Context) *outcome.Failure {
	s.await()
	secure := s.conn.Peer().Secure()
	if secure {
		s.enter()
	}
	s.setStage(store.StageDiscover)
	if f := s.keepAlive(ctx, "approval"); f != nil {
		return f
	}
	if !secure {
		refused, ok := s.srv.sessions.claim(s)
		switch {
		case !ok:
			return interruption(ctx, "")
		case refused != nil:
			return &refused.Failure
		}
		s.await()
		s.enter()
	}
	s.setStage(store.StageParked)
	s.parking.held = true
	s.observe(EventParked)
	s.srv.cfg.Logger.LogAttrs(ctx, slog.LevelInfo, "unknown device waits for approval",
		slog.String(outcome.LogEndpoint, string(s.endpoint)), slog.String(outcome.LogSession, s.record.ID), slog.String("pending", s.parking.id),
		slog.String(outcome.LogRemote, s.record.Remote), slog.String(outcome.LogTransport, s.record.Transport), slog.String(outcome.LogIdentity, s.record.Identity))
	return nil
}

// enter notes that the session is parked, and keeps the device on the list.
func (s *session) enter() {
	s.srv.pending.Keep(s.parking.id)
	s.update(func(r *store.Session) { r.Pending = s.parking.id })
	s.observe(EventStarted)
}

// park lets the device wait until there is a record of it, it is rejected, it goes, or the patience
// ends.
func (s *session) park(ctx context.Context) (state, *outcome.Failure) {
	patience := time.NewTimer(time.Until(s.parking.until(s.record.Started)))
	defer patience.Stop()
	keepAlive := time.NewTicker(s.parking.how.KeepAlive)
	defer keepAlive.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		next, f := s.decided(ctx)
		if next != nil || f != nil {
			return next, f
		}
		select {
		case <-ctx.Done():
			return nil, interruption(ctx, " while the device waited for approval")
		case <-patience.C:
			return nil, s.unapproved()
		case <-keepAlive.C:
			if f := s.keepAlive(ctx, "approval"); f != nil {
				return nil, f
			}
		case <-s.parking.woken:
		case <-look.C:
		}
	}
}

func (p *parking) until(started time.Time) time.Time { return started.Add(p.how.Patience) }

// unapproved is the failure of a device that was not approved in time.
func (s *session) unapproved() *outcome.Failure {
	detail := fmt.Sprintf("it waited for %v, which is the limit", s.parking.how.Patience)
	if s.parking.refused != "" {
		detail += "; there is a record of its name by now, which does not permit it: " + s.parking.refused
	}
	return &outcome.Failure{Cause: store.CauseNotApproved, Detail: detail}
}

// keepAlive asks the device what it has, while it waits for its approval or its turn. Any answer shows that it is there, also that it knows no
// Discover. An error after an earlier success shows that the client has ended its bootstrap, as Leshan
// does after 93 s.
func (s *session) keepAlive(ctx context.Context, waitsFor string) *outcome.Failure {
	answer, f := s.do(ctx, step{op: lwm2m.OpDiscover, keepAlive: true})
	switch {
	case f != nil && f.Cause == store.CauseReset && s.conn.Peer().Secure():
		s.tolerate()
		return nil
	case f != nil:
		return f
	case answer.Code.Success():
		s.willing = true
		s.update(func(r *store.Session) { r.Links = outcome.Printable(string(answer.Payload), outcome.MaxLinks) })
	case s.willing && answer.Code != lwm2m.CodeServiceUnavailable:
		return outcome.Failed(store.CauseGone, "the client answered Bootstrap-Discover with %v, which it had answered with success before: it has ended its bootstrap by itself while it waited for %s", answer.Code, waitsFor)
	default:
		s.tolerate()
	}
	return nil
}

// decided returns how the session goes on, now that the device was approved or rejected; neither
// before that.
func (s *session) decided(ctx context.Context) (state, *outcome.Failure) {
	p := s.parking
	waiting, listed := s.srv.pending.Get(p.id)
	if listed && !waiting.Rejected.IsZero() {
		return nil, outcome.Failed(store.CauseRejected, "while it waited, as %s", p.id)
	}
	look := lookingUp(ctx)
	defer look.end()
	switch {
	case s.appeared(look):
	case !listed:
		return nil, outcome.Failed(store.CauseNotApproved, "it was taken off the list of pending devices while it waited, and has no record")
	default:
		return nil, nil
	}
	d, refused := s.srv.auth.Authorize(look, s.conn.Peer(), p.asked)
	switch {
	case refused == nil:
		return s.approved(ctx, d)
	case refused.Cause == store.CauseDisabled:
		return nil, outcome.Failed(store.CauseDisabled, "its record was made while it waited, and is disabled")
	case refused.Cause != store.CauseEndpointUnknown && refused.Cause != store.CauseInternal:
		p.refused = refused.Detail
	}
	return nil, nil
}

// appeared reports whether there is a record by now that may be that of the device. It costs two
// look-ups, where to authorise the device takes the verification of its certificate.
func (s *session) appeared(ctx context.Context) bool {
	p := s.parking
	if p.device.Endpoint != "" {
		if _, err := s.srv.cfg.Store.Device(ctx, p.device.Endpoint); !errors.Is(err, store.ErrNotFound) {
			return err == nil
		}
	}
	if p.device.Kind == "" || p.device.Named {
		return false
	}
	_, err := s.srv.cfg.Store.DeviceByIdentity(ctx, p.device.Kind, p.device.Identity)
	return err == nil
}

// approved makes the session that of d, and lets it go on. Where there is no room for it, it waits
// further.
func (s *session) approved(ctx context.Context, d store.Device) (state, *outcome.Failure) {
	look := lookingUp(ctx)
	defer look.end()
	given, f := s.srv.provider.Resolve(look, d, s.conn.Peer())
	if f != nil {
		s.identified(d)
		return nil, f
	}
	refused, ok := s.srv.sessions.approve(s, d.Endpoint)
	switch {
	case !ok:
		return nil, interruption(ctx, " while the device waited for approval")
	case refused != nil && refused.Cause != store.CauseStopped:
		return nil, nil
	case refused != nil:
		return nil, &refused.Failure
	}
	s.await()
	s.given = given
	limit := s.srv.cfg.SessionTimeout
	s.deadline = time.AfterFunc(limit, func() { s.cancel(&deadlineError{limit}) })
	s.identified(d)
	s.listedNoMore(ctx)
	s.addNotes(fmt.Sprintf("the device was unknown when it came, and waited for %v until it had a record", time.Since(s.record.Started).Round(time.Millisecond)))
	s.srv.history.Began(s.snapshot())
	s.observe(EventApproved)
	s.detached = true
	return (*session).queueUp, nil
}

// identified notes that the session is that of d.
func (s *session) identified(d store.Device) {
	peer := s.conn.Peer()
	s.update(func(r *store.Session) {
		attempt.About(r, d)
		r.Proof = store.ProofAddress
		if peer.Secure() {
			r.Proof = store.ProofIdentity
		}
	})
	if peer.Secure() {
		s.srv.attempts.Addresses.Use(peer.Remote, peer.Identity, d.Endpoint)
	}
}

// listedNoMore takes the device off the list, where that was not done by whoever approved it: its
// record was added by hand.
func (s *session) listedNoMore(ctx context.Context) {
	err := s.srv.pending.Remove(context.WithoutCancel(ctx), s.parking.id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.srv.storeFault(err)
	}
}

// parkedRefusal is why a device cannot be parked.
func parkedRefusal(err error) *outcome.Refusal {
	var rate *pending.RateError
	if errors.As(err, &rate) {
		return outcome.Unavailable(store.CauseRateLimited, "%v", err)
	}
	return outcome.Unavailable(store.CauseBusy, "as many unknown devices wait for approval as may, in all or from one network")
}
