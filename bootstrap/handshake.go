package bootstrap

import (
	"context"
	"errors"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// lookUpTimeout bounds the look-ups of a handshake, for which a device waits.
const lookUpTimeout = 5 * time.Second

// PSK returns the key of a PSK identity, for the handshake. A disabled device still
// authenticates, so that its refusal can be explained. Where the store fails, the
// identity counts as unknown, and the log says why.
func (srv *Server) PSK(identity string) (lwm2m.Secret, bool) {
	d, known := srv.deviceOfIdentity(identity)
	if !known {
		return lwm2m.Secret{}, false
	}
	for _, c := range d.Credentials {
		if c.Kind == store.CredentialPSK && c.Identity == identity {
			return c.Key, true
		}
	}
	return lwm2m.Secret{}, false
}

// HandshakeFailed records a DTLS handshake that did not complete. A wrong key shows
// only in this way: the server cannot read the client's last flight, stays silent, and
// the handshake times out (RFC 5246 §7.4.9, RFC 4279 §2).
func (srv *Server) HandshakeFailed(h Handshake) {
	record := srv.attempt(Peer{Remote: h.Remote, Transport: "coaps", Identity: h.Identity}, h.Started)
	record.Stage = store.StageHandshake
	why := &refusal{failure: failure{cause: store.CauseHandshakeFailed}}
	if h.Err != nil {
		why.detail = printable(h.Err.Error(), maxErrorShown)
	}
	if h.Identity != "" {
		why.cause = store.CauseIdentityUnknown
		if d, known := srv.deviceOfIdentity(h.Identity); known {
			why.cause = store.CauseKeyDiffers
			about(&record, d)
		}
	}
	srv.refuse(context.Background(), record, why)
}

// NoRequest records an association that a client made and then did not use.
func (srv *Server) NoRequest(peer Peer, since time.Time) {
	record := srv.attempt(peer, since)
	record.Stage = store.StageHandshake
	if d, known := srv.deviceOfIdentity(peer.Identity); known {
		about(&record, d)
	}
	srv.refuse(context.Background(), record, &refusal{failure: *failed(store.CauseNoRequest, "the association ended without a request")})
}

// deviceOfIdentity finds the device that has a PSK identity.
func (srv *Server) deviceOfIdentity(identity string) (store.Device, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	d, err := srv.cfg.Store.DeviceByIdentity(ctx, store.CredentialPSK, identity)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		srv.storeFault(err)
	}
	return d, err == nil
}
