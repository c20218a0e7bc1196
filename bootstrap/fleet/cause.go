package fleet

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/sim"
)

// A Cause is why a device failed. The words are those of lwbs probe.
type Cause string

// The causes.
const (
	NoSocket       Cause = "no-socket"          // this machine gave it none: the server had no part in it
	PortClosed     Cause = "port-closed"        // the network says that no one listens there
	Untrusted      Cause = "server-untrusted"   // it does not trust the server's certificate
	HandshakeFails Cause = "handshake-failed"   // the handshake was broken off, by either side
	Silent         Cause = "handshake-silent"   // the handshake was not complete in time
	Refused        Cause = "request-refused"    // the Bootstrap-Request was answered with an error
	Unanswered     Cause = "request-unanswered" // it was not answered
	NoFinish       Cause = "no-finish"          // the session began and had no end
	NoAccount      Cause = "no-account"         // it ended without an account that can be used
)

// A stage is how far the last attempt of a device came.
type stage struct {
	refused bool // the network said that no one listens there
	shaken  bool // it had an association
	served  bool // the server asked it for anything
}

// causeOf tells why a device failed that came so far.
func causeOf(err error, at stage) Cause {
	switch {
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOBUFS), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EADDRINUSE):
		return NoSocket
	case at.refused && !at.served:
		return PortClosed
	case errors.Is(err, certificate.ErrServerCertificate):
		return Untrusted
	case !at.shaken && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		return Silent
	case !at.shaken:
		return HandshakeFails
	case errors.Is(err, sim.ErrRefused):
		return Refused
	case errors.Is(err, sim.ErrNoAccount):
		return NoAccount
	case at.served, errors.Is(err, sim.ErrNoFinish):
		return NoFinish
	}
	return Unanswered
}

// oneLine is the text of an error without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
