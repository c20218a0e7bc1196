package bootstrap

import (
	"context"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// attempt begins the record of an attempt of a peer, which is unauthenticated so far.
func (srv *Server) attempt(peer auth.Peer, started time.Time) store.Session {
	return store.Session{
		ID:        srv.ids.Next(started),
		Started:   started,
		Remote:    peer.Remote,
		Transport: peer.Transport,
		Identity:  outcome.Printable(peer.Name(), outcome.MaxIdentity),
		Stage:     store.StageRequest,
		Proof:     store.ProofNone,
	}
}

// about notes whose attempt it is.
func about(record *store.Session, d store.Device) {
	record.Endpoint, record.Known = d.Endpoint, true
	record.Profile, record.DeviceRevision = d.Profile, d.Revision
}

// authenticated notes that the attempt is that of d, whose credential the peer holds. Claimed is
// the name that it gave, empty for none.
func authenticated(record *store.Session, d store.Device, claimed lwm2m.EndpointName) {
	about(record, d)
	record.Proof = store.ProofIdentity
	if claimed != d.Endpoint {
		record.Claimed = claimed
	}
}

// attribute notes whose attempt it is that a peer made under the name ep, empty for none,
// and that was refused: that of the device whose credential it holds, else of the device of
// that name, named, which is zero where there is none. So what one device does wrong is
// never put down to another.
func (srv *Server) attribute(ctx context.Context, record *store.Session, peer auth.Peer, ep lwm2m.EndpointName, named store.Device) {
	if d, ok := srv.auth.Holder(ctx, peer); ok {
		authenticated(record, d, ep)
		srv.addresses.Use(peer.Remote, peer.Identity, d.Endpoint)
		return
	}
	if record.Endpoint = ep; named.Endpoint != "" {
		about(record, named)
	}
}

// storeFault logs an error of the store and returns what may be told of it.
func (srv *Server) storeFault(err error) outcome.Failure {
	return outcome.StoreFault(srv.cfg.Logger, err)
}
