package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
)

// An UnknownPolicy is what is done with a device that has no record.
type UnknownPolicy string

// The policies.
const (
	// UnknownReject answers it 4.00, as Core 1.1.1 §6.1.7.1 has it. Many stacks then stop for good.
	UnknownReject UnknownPolicy = "reject"

	// UnknownSilent does not answer it. Nor is a peer answered then that gives the name of a device
	// and is not known to be it: otherwise silence would tell which names have no record.
	UnknownSilent UnknownPolicy = "silent"

	// UnknownPark answers it 2.04 and lets it wait for approval. Over DTLS that is for devices that
	// a trusted CA vouches for; over plain CoAP for those that answer at their address.
	UnknownPark UnknownPolicy = "park"
)

// UnknownPolicies are all policies.
var UnknownPolicies = []UnknownPolicy{UnknownReject, UnknownSilent, UnknownPark}

// UnknownDevices says what one listener does with devices that have no record. Zero means the default.
type UnknownDevices struct {
	// Policy. Default: UnknownReject.
	Policy UnknownPolicy

	// Patience is for how long a device is parked. Default 10 minutes: Anjay, Wakaama and Zephyr wait
	// for as long as they are asked something now and then. A Leshan client ends its bootstrap 93 s
	// after the 2.04 whatever it is asked; that shows in its answers, and ends the session.
	Patience time.Duration

	// KeepAlive is how often a parked device is sent a Bootstrap-Discover, by which it and the NATs on
	// the way know that the session goes on, and the server that the device is there. Default 25 s:
	// most NATs keep a UDP mapping for 30 s or longer; devices wait for 247 s (EXCHANGE_LIFETIME).
	KeepAlive time.Duration
}

// Defaults and bounds of UnknownDevices.
const (
	DefaultPatience  = 10 * time.Minute
	DefaultKeepAlive = 25 * time.Second
	MinPatience      = time.Second
	MaxPatience      = 24 * time.Hour
	MinKeepAlive     = time.Second
	MaxKeepAlive     = 240 * time.Second // a little less than EXCHANGE_LIFETIME
)

// withDefaults fills in the defaults and reports every mistake.
func (u UnknownDevices) withDefaults() (UnknownDevices, error) {
	if u.Policy == "" {
		u.Policy = UnknownReject
	}
	if u.Patience == 0 {
		u.Patience = DefaultPatience
	}
	if u.KeepAlive == 0 {
		u.KeepAlive = DefaultKeepAlive
	}
	var errs []error
	switch u.Policy {
	case UnknownReject, UnknownSilent, UnknownPark:
	default:
		errs = append(errs, fmt.Errorf("policy %q is not reject, silent or park", u.Policy))
	}
	if u.Patience < MinPatience || u.Patience > MaxPatience {
		errs = append(errs, fmt.Errorf("patience %v is not within %v to %v", u.Patience, MinPatience, MaxPatience))
	}
	if u.KeepAlive < MinKeepAlive || u.KeepAlive > MaxKeepAlive {
		errs = append(errs, fmt.Errorf("keep-alive %v is not within %v to %v", u.KeepAlive, MinKeepAlive, MaxKeepAlive))
	}
	return u, errors.Join(errs...)
}

// Check reports what is wrong with u.
func (u UnknownDevices) Check() error {
	_, err := u.withDefaults()
	return err
}

// Handler returns the [Handler] of a listener that treats unknown devices as u says. The Server itself
// is the one that rejects them. The error says what is wrong with u.
func (srv *Server) Handler(u UnknownDevices) (Handler, error) {
	u, err := u.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("unknown devices: %w", err)
	}
	return listener{srv, u}, nil
}

// A listener is a Server as one of its listeners has it.
type listener struct {
	srv     *Server
	unknown UnknownDevices
}

// ServeRequest implements [Handler].
func (l listener) ServeRequest(ctx context.Context, conn Conn, r Request) (Response, func(context.Context)) {
	return l.srv.serve(ctx, conn, r, l.unknown)
}

// A waiter is an unknown device that asks to be bootstrapped and that may wait for approval.
type waiter struct {
	device store.PendingDevice // without an ID
	how    UnknownDevices      // how it is parked
	asked  lwm2m.EndpointName  // in its request; empty for none
}

// waiterOf returns the unknown device that a request comes from which was refused for why, nil where
// it is none that may wait. A device of a group that asks for approval may wait at every listener, others
// by the policy of theirs.
func (srv *Server) waiterOf(ctx context.Context, peer auth.Peer, ep lwm2m.EndpointName, record store.Session, why *outcome.Refusal, u UnknownDevices) *waiter {
	if why.Cause != store.CauseEndpointUnknown || why.Variant != "" { // a variant is the refusal of a group
		return nil
	}
	look := lookingUp(ctx)
	defer look.end()
	ctx = look
	if record.Group != "" {
		e, ok, _ := srv.auth.Enrolment(ctx, peer, ep)
		if !ok || e.Why != "" || !e.Group.Approve {
			return nil
		}
		return &waiter{device: e.Pending(peer, ep), how: u, asked: ep}
	}
	if u.Policy != UnknownPark {
		return nil
	}
	p, ok := srv.auth.UnknownDevice(ctx, peer, ep)
	if !ok {
		return nil
	}
	return &waiter{device: p, how: u, asked: ep}
}

// silence reports whether a refused peer gets no answer. One that has proved to be the device that it
// names is answered whatever the policy: it learns nothing from that.
func (u UnknownDevices) silence(record store.Session, why *outcome.Refusal) bool {
	return u.Policy == UnknownSilent && why.Unknown && (record.Proof != store.ProofIdentity || record.Claimed != "")
}

// Pending is the list of unknown devices that wait for approval. The parked sessions follow what is
// decided on it.
func (srv *Server) Pending() *pending.List { return srv.pending }

// ParkedCount is how many sessions are parked.
func (srv *Server) ParkedCount() int { return srv.sessions.parkedLen() }

// serveUnknown parks an unknown device, or refuses it.
func (srv *Server) serveUnknown(ctx context.Context, conn Conn, w *waiter, record store.Session) (Response, func(context.Context)) {
	record.Endpoint, record.Profile = w.device.Endpoint, w.device.Profile
	if id, refused := srv.pending.Rejected(w.device); refused != nil {
		record.Pending = id
		return srv.refuse(ctx, record, refused), nil
	}
	if refused := srv.sessions.refusesUnknown(w); refused != nil {
		return srv.refuse(ctx, record, refused), nil
	}
	s, sctx := srv.newParked(ctx, conn, w, record)
	if refused := srv.sessions.add(s); refused != nil {
		s.cancel(nil)
		return srv.refuse(ctx, record, refused), nil
	}
	return Response{Code: lwm2m.CodeChanged}, func(context.Context) { s.run(sctx) }
}
