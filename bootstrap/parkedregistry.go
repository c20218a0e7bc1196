package bootstrap

import (
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
)

// parkKey is what tells unknown devices apart: what they authenticated with, and their names.
type parkKey struct{ kind, identity, endpoint string }

func (p *parking) key() parkKey {
	return parkKey{string(p.device.Kind), p.device.Identity, string(p.device.Endpoint)}
}

// guarded is the name under which the sessions of an unknown device are counted by a [loopguard.Guard]: its
// credential; without one its name.
func (w *waiter) guarded() lwm2m.EndpointName {
	if w.device.Kind == "" {
		return w.device.Endpoint
	}
	return lwm2m.EndpointName(string(w.device.Kind) + "\x00" + w.device.Identity)
}

// refusesUnknown returns why an unknown device may not be parked, as far as that is known at once.
func (r *registry) refusesUnknown(w *waiter) *outcome.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.draining:
		return r.stopping()
	case r.parkLoops.Exceeded(w.guarded(), time.Now()):
		return r.rateLimited()
	}
	return nil
}

// park parks s, in the place of a session of the same device, or refuses it. The caller holds mu.
func (r *registry) park(s *session) *outcome.Refusal {
	p := s.parking
	now := time.Now()
	if !r.parkLoops.Start(p.guarded(), now) {
		return r.rateLimited()
	}
	id, err := r.pending.Park(p.device, pending.Wait{Session: s.record.ID, Since: now, Until: p.until(s.record.Started)})
	if err != nil {
		return parkedRefusal(err)
	}
	p.id = id
	if old := r.parked[p.key()]; old != nil {
		r.supersede(old, s)
	}
	r.parked[p.key()] = s
	return nil
}

// approve makes s, which is parked, the session of its device. It reports false where s was told to
// end before.
func (r *registry) approve(s *session, ep lwm2m.EndpointName) (refused *outcome.Refusal, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.parked[s.parking.key()] != s:
		return nil, false
	case r.draining:
		return r.stopping(), true
	}
	s.endpoint = ep
	if refused = r.begin(s); refused == nil {
		r.unpark(s)
	}
	return refused, true
}

// unpark forgets that s is parked, if it is. The caller holds mu.
func (r *registry) unpark(s *session) {
	if s.parking == nil {
		return
	}
	r.pending.Leave(s.parking.id, s.record.ID)
	if key := s.parking.key(); r.parked[key] == s {
		delete(r.parked, key)
	}
}

// wake makes the parked session of a pending device look at the records.
func (r *registry) wake(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.parked {
		if s.parking.id == id {
			select {
			case s.parking.woken <- struct{}{}:
			default:
			}
		}
	}
}

// parkedUnder returns the newest parked session of a device that gave a name; nil for none. The
// caller holds mu.
func (r *registry) parkedUnder(ep lwm2m.EndpointName) (newest *session) {
	for _, s := range r.parked {
		if s.parking.device.Endpoint == ep && (newest == nil || s.record.ID > newest.record.ID) {
			newest = s
		}
	}
	return newest
}

func (r *registry) parkedLen() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.parked)
}
