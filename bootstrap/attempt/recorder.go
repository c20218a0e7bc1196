package attempt

import (
	"context"
	"log/slog"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/history"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// History is where a [Recorder] keeps its records.
type History interface {
	// Refused keeps an attempt that became no session, and reports whether it is the first of its
	// kind. It does not wait for the store.
	Refused(s store.Session) (first bool)
}

// A Recorder makes the records of attempts. All exported fields are required; the methods may be
// called concurrently.
type Recorder struct {
	IDs       *history.IDs
	Auth      *auth.Authorizer
	History   History
	Addresses *history.Addresses
	Logger    *slog.Logger
	Observe   func(store.Session) // is told of each attempt that has ended
}

// Begin begins the record of an attempt of a peer, which is unauthenticated so far.
func (r *Recorder) Begin(peer auth.Peer, started time.Time) store.Session {
	return store.Session{
		ID:        r.IDs.Next(started),
		Started:   started,
		Remote:    peer.Remote,
		Transport: peer.Transport,
		Identity:  outcome.Printable(peer.Name(), outcome.MaxIdentity),
		Stage:     store.StageRequest,
		Proof:     store.ProofNone,
	}
}

// About notes whose attempt it is.
func About(record *store.Session, d store.Device) {
	record.Endpoint, record.Known = d.Endpoint, true
	record.Profile, record.DeviceRevision = d.Profile, d.Revision
}

// authenticated notes that the attempt is that of d, whose credential the peer holds. Claimed is
// the name that it gave, empty for none.
func authenticated(record *store.Session, d store.Device, claimed lwm2m.EndpointName) {
	About(record, d)
	record.Proof = store.ProofIdentity
	if claimed != d.Endpoint {
		record.Claimed = claimed
	}
}

// Authenticated notes that the attempt is that of d, whose credential the peer holds on a DTLS
// association. Claimed is the name that it gave, empty for none.
func (r *Recorder) Authenticated(record *store.Session, peer auth.Peer, d store.Device, claimed lwm2m.EndpointName) {
	authenticated(record, d, claimed)
	r.Addresses.Use(peer.Remote, peer.Identity, d.Endpoint)
}

// Attribute notes whose attempt it is that a peer made under the name ep, empty for none, and that was
// refused. It is the attempt of the device whose credential the peer holds, else of the device of that name,
// named, which is zero where there is none. So what one device does wrong is never put down to another.
func (r *Recorder) Attribute(ctx context.Context, record *store.Session, peer auth.Peer, ep lwm2m.EndpointName, named store.Device) {
	if d, ok := r.Auth.Holder(ctx, peer); ok {
		r.Authenticated(record, peer, d, ep)
		return
	}
	if record.Endpoint = ep; named.Endpoint != "" {
		About(record, named)
	}
}

// End ends the record of an attempt that becomes no session, and keeps it. It never waits for the
// store.
func (r *Recorder) End(ctx context.Context, record store.Session, why outcome.Failure) {
	record.Cause, record.Detail, record.Variant = why.Cause, why.Detail, why.Variant
	record.Ended = outcome.EndOf(record.Started)
	level := slog.LevelDebug // of an attempt that is not the first of its kind
	if r.History.Refused(record) {
		level = outcome.Severity(record.Cause)
	}
	outcome.Log(ctx, r.Logger, level, record)
	r.Observe(record)
}
