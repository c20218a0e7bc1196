package bootstrap

import (
	"context"
	"errors"
	"log/slog"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/store"
)

// end keeps what the session leaves behind. Whatever panics in it, the device may begin
// another session, and the server may stop.
func (s *session) end(ctx context.Context, f *outcome.Failure) {
	guard := s.srv.cfg.Panics
	defer guard.Contain(panics.Session)
	defer s.srv.sessions.remove(s)
	defer s.cancel(nil)
	if s.deadline != nil {
		defer s.deadline.Stop()
	}
	s.leavePlace()
	recorded := s.settle(ctx, store.CauseDone, f)
	s.yield()
	guard.Run(panics.Session, func() { s.release(ctx, f) })
	s.conclude(ctx, recorded)
}

// settle completes the record of the session: with f, or with the cause good where f is nil. It keeps on the device
// record what the client has now. Recorded is whether the session is in the history by then.
func (s *session) settle(ctx context.Context, good store.Cause, f *outcome.Failure) (recorded bool) {
	cause, detail := good, "the server panicked as it kept what the client was given; its log has the stack"
	if f != nil {
		cause, detail = f.Cause, f.Detail
	}
	s.srv.cfg.Panics.Run(panics.Session, func() {
		if f != nil {
			recorded = s.keepChanges(ctx, f)
		} else {
			detail, recorded = s.keepDelivery(ctx, good)
		}
	})
	if !recorded {
		s.complete(cause, detail)
	}
	return recorded
}

// complete says in the record how the session ended.
func (s *session) complete(cause store.Cause, detail string) {
	s.update(func(r *store.Session) { r.Cause, r.Detail, r.Ended = cause, detail, outcome.EndOf(r.Started) })
}

// yield lets the next session of the device begin: nothing more is sent or edited.
func (s *session) yield() {
	s.srv.sessions.retire(s)
	close(s.quiet)
}

// release gives the association up, unless a newer session goes on with it. The device may come
// back on it, however this session ended. An association of plain CoAP is left to the transport,
// which remembers the Bootstrap-Request: a late retransmission of it must not begin another
// session.
func (s *session) release(ctx context.Context, f *outcome.Failure) {
	var superseded *supersededError
	switch {
	case errors.As(context.Cause(ctx), &superseded) && superseded.by == s.conn:
	case !s.conn.Peer().Secure():
	case f != nil:
		s.conn.Abort()
	case s.separate:
		s.conn.Linger(s.srv.cfg.Linger)
	default:
		s.conn.Release()
	}
}

// conclude keeps the record, unless it is kept already, and tells of the end.
func (s *session) conclude(ctx context.Context, recorded bool) {
	record := s.snapshot()
	level := outcome.Severity(record.Cause)
	switch {
	case recorded:
	case record.Proof.Counts():
		s.srv.history.Ended(record)
	case !s.srv.history.Refused(record): // no answer came: the request may have been forged
		level = slog.LevelDebug
	}
	outcome.Log(ctx, s.srv.cfg.Logger, level, record)
	s.observe(EventEnded)
}
