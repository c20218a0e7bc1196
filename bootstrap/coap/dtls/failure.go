package dtls

import (
	"errors"
	"fmt"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/pskhandshake"
	"lwbs/bootstrap/coap/dtls/record"
)

// Why a handshake did not complete, beside what the peer's own alert may say.
var (
	// ErrHandshakeTimeout: the peer was silent.
	ErrHandshakeTimeout = errors.New("handshake timed out")

	// ErrUnknownIdentity: no device has the identity that the peer claimed.
	ErrUnknownIdentity = errors.New("unknown PSK identity")

	// ErrKeyDiffers: the Finished of the peer does not fit our key.
	ErrKeyDiffers = auth.ErrKeyDiffers
)

// failed ends the handshake and reports it, with why it ended, unless the listener ends.
func (h *handshake) failed(err error) {
	sealed := h.mux.endHandshake(h) // after which nothing comes any more
	if h.mux.tasks.Ending() {
		return
	}
	failure := auth.Handshake{
		Remote:   h.peer.Remote.String(),
		Identity: h.claim.identity,
		Chain:    h.claim.chain,
		Err:      h.why(err, sealed),
		Started:  h.started,
	}
	h.mux.cfg.Exchange.Logger.Debug("handshake failed",
		"remote", failure.Remote, "identity", failure.Identity, "err", failure.Err)
	if report := h.mux.cfg.HandshakeFailed; report != nil {
		report(failure)
	}
}

// why adds to the error that ended the handshake what else is known. sealed is whether the peer sent
// an encrypted record: its Finished, which did not fit.
func (h *handshake) why(err error, sealed bool) error {
	switch {
	case h.claim.err != nil:
		return h.claim.err
	case len(h.claim.sent) > 0 && sealed && !errors.Is(err, ErrHandshakeTimeout):
		return certificate.ProofError(h.claim.sent[0], err)
	case h.claim.shown != nil && pion.RefusedServer(err):
		return fmt.Errorf("%w, that of %q: %w", auth.ErrServerRefused, h.claim.shown.Subject, err)
	case h.claim.shown != nil && !sealed && certificate.CurveNotOffered(h.offer, h.claim.shown) != nil:
		return fmt.Errorf("%w: %w", certificate.CurveNotOffered(h.offer, h.claim.shown), err)
	case h.claim.shown != nil && len(h.claim.chain) == 0 && !sealed:
		return &auth.ShownError{Subject: h.claim.shown.Subject.String(), Err: err}
	case h.claim.identity == "" && len(h.offer.Suites) > 0 && !record.Common(h.offer.Suites, h.claim.accepted):
		return fmt.Errorf("%w: it offers %s", auth.ErrNoCommonSuite, hello.Listed(h.offer.Suites))
	case h.claim.identity == "":
		return err
	case errors.Is(err, pskhandshake.ErrOtherMessages): // with the right key
		return err
	case !h.claim.valid:
		return fmt.Errorf("%w: %w", ErrUnknownIdentity, err)
	case sealed:
		return fmt.Errorf("%w: %w", ErrKeyDiffers, err)
	default:
		return err
	}
}
