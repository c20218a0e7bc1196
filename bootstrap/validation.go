package bootstrap

import (
	"container/list"
	"context"
	"iter"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// validate asks a client that came over plain CoAP what it has, before anything happens in
// the name of its device: no session is superseded, none is counted, no key is made. The
// source address of a Bootstrap-Request may be forged, but only a peer that receives at that
// address can answer, as the token of our request cannot be guessed (RFC 7252 §11.3).
//
// It costs no round trip, as Discover is the first request of a session anyway. RST ends the
// session, as that has no token.
func (s *session) validate(ctx context.Context) (state, *outcome.Failure) {
	s.setStage(store.StageDiscover)
	s.tune()
	answer, f := s.do(ctx, step{op: lwm2m.OpDiscover})
	if f != nil {
		return nil, f
	}
	refused, ok := s.srv.sessions.claim(s)
	switch {
	case !ok:
		return nil, interruption(ctx, "")
	case refused != nil:
		return nil, &refused.Failure
	}
	s.await()
	s.observe(EventStarted)
	if _, refused := s.srv.auth.Authorize(ctx, s.conn.Peer(), s.endpoint); refused != nil && refused.Cause != store.CauseEndpointUnknown {
		if f := refusedSince(refused); f != nil {
			return nil, f
		}
	}
	if !s.shared {
		s.told = &answer
	}
	return (*session).queueUp, nil
}

// askDiscover returns what the client told to validate, or asks it.
func (s *session) askDiscover(ctx context.Context) (Response, *outcome.Failure) {
	if s.told == nil {
		return s.do(ctx, step{op: lwm2m.OpDiscover})
	}
	answer := *s.told
	s.told = nil
	return answer, nil
}

// A crowdedError tells a request that is unvalidated that it makes room for newer ones.
type crowdedError struct{ limit int }

func (*crowdedError) Error() string { return "too many requests wait for a first answer" }

// An unvalidated holds the requests over plain CoAP whose clients have not answered yet. They
// have a limit of their own, so that forged requests take no room of sessions. At the limit the
// oldest ends: most devices answer within a second, and one that forged its address never does.
// There is at most one for each association and device, the newest: the client has forgotten the
// one before. Not for concurrent use.
type unvalidated struct {
	limit    int
	order    *list.List                      // of *session, oldest first
	byClient map[unvalidatedKey]*session     // the same
	byDevice map[lwm2m.EndpointName]*session // the newest of each
}

type unvalidatedKey struct {
	association <-chan struct{} // its Done, which each has for itself
	endpoint    lwm2m.EndpointName
}

func (s *session) key() unvalidatedKey { return unvalidatedKey{s.conn.Done(), s.endpoint} }

func newUnvalidated(limit int) unvalidated {
	return unvalidated{
		limit:    limit,
		order:    list.New(),
		byClient: make(map[unvalidatedKey]*session),
		byDevice: make(map[lwm2m.EndpointName]*session),
	}
}

func (u *unvalidated) len() int { return u.order.Len() }

// all ranges over the requests, oldest first.
func (u *unvalidated) all() iter.Seq[*session] {
	return func(yield func(*session) bool) {
		for e := u.order.Front(); e != nil; e = e.Next() {
			if !yield(e.Value.(*session)) {
				return
			}
		}
	}
}

// newest returns the newest request in the name of a device; nil for none.
func (u *unvalidated) newest(ep lwm2m.EndpointName) *session { return u.byDevice[ep] }

// add takes s, and ends the one whose place it takes, if any.
func (u *unvalidated) add(s *session) {
	if old := u.byClient[s.key()]; old != nil {
		s.previous = old.quiet
		old.cancel(&supersededError{by: s.conn})
		u.remove(old)
	}
	if u.order.Len() >= u.limit {
		oldest := u.order.Front().Value.(*session)
		oldest.cancel(&crowdedError{u.limit})
		u.remove(oldest)
	}
	s.waiting = u.order.PushBack(s)
	u.byClient[s.key()], u.byDevice[s.endpoint] = s, s
}

// remove takes s out, if it is still here.
func (u *unvalidated) remove(s *session) {
	if s.waiting == nil {
		return
	}
	u.order.Remove(s.waiting)
	s.waiting = nil
	if u.byClient[s.key()] == s {
		delete(u.byClient, s.key())
	}
	if u.byDevice[s.endpoint] == s {
		delete(u.byDevice, s.endpoint)
	}
}

// unvalidatedLen is how many requests are unvalidated.
func (r *registry) unvalidatedLen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.unvalidated.len()
}
