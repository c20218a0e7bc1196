package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// Why a handshake did not complete, or does not count any more, where it is not for the
// certificate of the client.
var (
	// ErrNoCommonSuite: the client offers no cipher suite that the server has.
	ErrNoCommonSuite = errors.New("no common cipher suite")

	// ErrNoCommonSignature: the client takes no signature that the key of the server's
	// certificate can make.
	ErrNoCommonSignature = errors.New("no common signature algorithm")

	// ErrNoCommonCurve: the client knows no curve that the server needs: for the key exchange,
	// or that of its certificate's key.
	ErrNoCommonCurve = errors.New("no common curve")

	// ErrCertificateKind: the client sent a certificate that the server cannot verify.
	ErrCertificateKind = errors.New("unsupported certificate")

	// ErrCertificateProof: what the client sent to prove that it has the key of its
	// certificate does not.
	ErrCertificateProof = errors.New("the client did not prove that it has the key of its certificate")

	// ErrKeyDiffers: what the client sent to prove its pre-shared key does not fit ours.
	ErrKeyDiffers = errors.New("PSK differs")

	// ErrLookUp: it could not be looked up who the peer is; the store did not answer.
	ErrLookUp = errors.New("the store failed")

	// ErrKeyUnknown: there is no pre-shared key of the identity any more.
	ErrKeyUnknown = errors.New("no key of the identity is known")

	// ErrKeyChanged: the identity has another pre-shared key since the handshake.
	ErrKeyChanged = errors.New("the key has changed")

	// ErrServerRefused: the client refused the certificate of the server.
	ErrServerRefused = errors.New("the client refused the server's certificate")
)

// A Handshake is one DTLS handshake that did not complete.
type Handshake struct {
	Remote   string
	Identity string // as claimed; empty where the handshake ended before
	Started  time.Time

	// Chain are the certificates that the client sent and proved to have the key of;
	// nothing else in them is proved.
	Chain []*x509.Certificate

	// Err is why, a [*CertificateError] where it was for the certificate, else whatever
	// else is known.
	Err error
}

// A ShownError is that of a handshake whose peer fell silent after it was shown the certificate
// of the server.
type ShownError struct {
	Subject string // of the certificate
	Err     error  // how the handshake ended
}

// Error tells how it ended, and the subject.
func (e *ShownError) Error() string {
	return fmt.Sprintf("%v, after it was shown the certificate of %q", e.Err, e.Subject)
}

// Unwrap returns Err.
func (e *ShownError) Unwrap() error { return e.Err }

// handshakeCauses are the causes that follow from the error alone.
var handshakeCauses = []struct {
	err   error
	cause store.Cause
}{
	{ErrNoCommonSuite, store.CauseNoCommonSuite},
	{ErrNoCommonCurve, store.CauseNoCommonCurve},
	{ErrNoCommonSignature, store.CauseNoCommonSignature},
	{ErrCertificateKind, store.CauseCertificateKind},
	{ErrCertificateProof, store.CauseCertificateProof},
	{ErrServerRefused, store.CauseServerRefused},
	{ErrLookUp, store.CauseInternal},
	{outcome.ErrPanicked, store.CauseInternal},
}

// Failure is why the handshake did not complete; known is whether a device has the identity
// that was claimed in it.
func (h Handshake) Failure(known bool) outcome.Failure {
	f := outcome.Failure{Cause: store.CauseHandshakeFailed}
	if h.Err != nil {
		f.Detail = outcome.Printable(h.Err.Error(), outcome.MaxOffer)
	}
	if shown := new(ShownError); errors.As(h.Err, &shown) {
		f.Variant = store.VariantAfterCertificate
	}
	var refused *CertificateError
	if errors.As(h.Err, &refused) {
		return outcome.Failure{Cause: refused.Cause, Detail: refused.Detail}
	}
	for _, c := range handshakeCauses {
		if errors.Is(h.Err, c.err) {
			f.Cause = c.cause
			return f
		}
	}
	switch {
	case h.Identity != "" && !known:
		f.Cause = store.CauseIdentityUnknown
	case errors.Is(h.Err, ErrKeyDiffers):
		f.Cause = store.CauseKeyDiffers
	case errors.Is(h.Err, outcome.ErrBusy):
		f.Cause = store.CauseBusy
	}
	if f.Cause != store.CauseHandshakeFailed && !errors.Is(h.Err, outcome.ErrBusy) {
		f.Detail = "" // the cause says it all
	}
	return f
}
