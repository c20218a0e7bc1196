package auth

import (
	"context"
	"crypto/x509"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// LookUpTimeout bounds the look-ups of a request or a handshake, for which a device waits.
const LookUpTimeout = 5 * time.Second

// A HandshakeAuthenticator answers what a DTLS handshake asks of an [Authorizer]. A panic in an answer
// ends that handshake only. Its methods may be called concurrently.
type HandshakeAuthenticator struct {
	authorizer *Authorizer
	panics     *panics.Guard
}

// NewHandshakeAuthenticator returns the HandshakeAuthenticator of a.
func NewHandshakeAuthenticator(a *Authorizer, guard *panics.Guard) *HandshakeAuthenticator {
	return &HandshakeAuthenticator{a, guard}
}

// PSK returns the key of a PSK identity, the zero Secret for an unknown one: see [Authorizer.Keys]. Its error is
// [ErrLookUp].
func (h *HandshakeAuthenticator) PSK(identity string) (key lwm2m.Secret, err error) {
	return h.key(identity, 0)
}

// OtherPSK returns the second key that the device with a PSK identity may have, while the key of its
// group is changed.
func (h *HandshakeAuthenticator) OtherPSK(identity string) (key lwm2m.Secret, found bool) {
	key, err := h.key(identity, 1)
	return key, err == nil && !key.IsZero()
}

// key returns the nth key of a PSK identity.
func (h *HandshakeAuthenticator) key(identity string, n int) (key lwm2m.Secret, err error) {
	defer h.panics.Contain(panics.Handshake, func() { key, err = lwm2m.Secret{}, nil })
	ctx, cancel := context.WithTimeout(context.Background(), LookUpTimeout)
	defer cancel()
	keys, err := h.authorizer.Keys(ctx, identity)
	if n >= len(keys) || err != nil {
		return lwm2m.Secret{}, err
	}
	return keys[n], nil
}

// VerifyClient decides about the certificates that a client sent: see [Authorizer.VerifyClient]. The
// error is a [*CertificateError].
func (h *HandshakeAuthenticator) VerifyClient(chain []*x509.Certificate) (err error) {
	defer h.panics.Contain(panics.Handshake, func() {
		f := outcome.Panicked()
		err = &CertificateError{Cause: f.Cause, Detail: f.Detail}
	})
	ctx, cancel := context.WithTimeout(context.Background(), LookUpTimeout)
	defer cancel()
	if f := h.authorizer.VerifyClient(ctx, chain); f != nil {
		return &CertificateError{Cause: f.Cause, Detail: f.Detail}
	}
	return nil
}
