package store

// A Cause is why an attempt ended. It is one of a closed set, in records, metrics and the log.
type Cause string

// The causes.
const (
	CauseDone            Cause = "done"             // Finish was answered with 2.04
	CausePackDelivered   Cause = "pack-delivered"   // a Bootstrap-Pack was sent; the client does not report whether it used it
	CauseIdentityUnknown Cause = "identity-unknown" // handshake with an identity that no device has
	CauseKeyDiffers      Cause = "key-differs"      // the identity is known, and the client has another key
	CauseHandshakeFailed Cause = "handshake-failed" // it ended before the client could authenticate
	CauseNoCommonSuite   Cause = "no-common-suite"  // the client offers no suite that the server has

	CauseNoCommonCurve     Cause = "no-common-curve"               // the client offers no curve that the server has, or not that of its certificate's key
	CauseNoCommonSignature Cause = "no-common-signature-algorithm" // the client accepts no signature that the server's key can make
	CauseCertificateKind   Cause = "certificate-unsupported"       // the server cannot verify a certificate of this kind
	CauseCertificateProof  Cause = "certificate-unproved"          // the client did not prove that it holds the key of its certificate

	CauseCertificateMissing   Cause = "certificate-missing"        // the client chose a suite with certificates and sent none
	CauseCertificateUnknown   Cause = "certificate-unknown"        // no device has it, and no trusted CA issued it
	CauseCertificateUntrusted Cause = "certificate-untrusted"      // the server does not trust its issuer
	CauseCertificateExpired   Cause = "certificate-expired"        // it or an intermediate
	CauseCertificateEarly     Cause = "certificate-not-yet-valid"  // it or an intermediate
	CauseCertificateUsage     Cause = "certificate-usage"          // its extensions do not permit client authentication
	CauseCertificateWeak      Cause = "certificate-weak-key"       // its key, or that of an intermediate, is too short
	CauseCertificateRevoked   Cause = "certificate-revoked"        // a revocation list of the CA has it
	CauseCertificateName      Cause = "certificate-name-mismatch"  // it names no device that may authenticate so
	CauseServerRefused        Cause = "server-certificate-refused" // the client does not trust the server's

	CauseNoRequest        Cause = "no-request"         // authenticated, and sent no request
	CauseClosedUnused     Cause = "closed-unused"      // the same, and the client closed the association
	CauseIdle             Cause = "idle"               // the same, of a device that has its configuration
	CauseOtherRequest     Cause = "other-request"      // sent a request other than a Bootstrap-Request, such as a registration
	CauseBadRequest       Cause = "bad-request"        // the Bootstrap-Request violates the specification
	CauseEndpointUnknown  Cause = "endpoint-unknown"   // no device of this name
	CauseNotApproved      Cause = "not-approved"       // an unknown device waited for approval, and was not approved in time
	CauseRejected         Cause = "rejected"           // an operator rejected the unknown device
	CauseIdentityMismatch Cause = "identity-mismatch"  // authenticated with a credential that the device of that name does not have
	CauseNoSecRefused     Cause = "nosec-refused"      // it came over plain CoAP, which the record does not permit
	CauseDisabled         Cause = "disabled"           // the record is disabled
	CauseKeyChanged       Cause = "key-changed"        // came back on an association made with a former key of the record
	CauseWithdrawn        Cause = "withdrawn"          // an edit removed what the session was giving
	CauseFormatUnknown    Cause = "format-unsupported" // the preferred content format is unknown
	CausePlanInvalid      Cause = "plan-invalid"       // profile and device record make no consistent configuration
	CauseTemplateFailed   Cause = "template-failed"    // a template needs a value that the device record does not have
	CauseRateLimited      Cause = "rate-limited"       // the device began more sessions within a short time than it may
	CauseBusy             Cause = "busy"               // a limit of the server was reached
	CauseDeferred         Cause = "deferred"           // its profile or LwM2M Server takes only so many devices a second: it was told to come again, or waited as long as it could
	CauseDiscoverFailed   Cause = "discover-failed"    // Discover was refused, and the profile says that this ends the session
	CauseRefused          Cause = "refused"            // the client refused a mandatory operation
	CauseVerifyFailed     Cause = "verify-failed"      // the client did not store what it had accepted
	CauseSilent           Cause = "silent"             // the client did not answer an operation
	CauseReset            Cause = "reset"              // the client answered an operation with RST
	CauseBlockWise        Cause = "block-wise-error"   // an answer violates the rules of block-wise transfer
	CauseAnswerTooLarge   Cause = "answer-too-large"   // an answer is larger, or leads to more operations, than the server permits
	CauseGone             Cause = "gone"               // the association ended during the session, most often since the client closed it
	CauseHandOverFailed   Cause = "hand-over-failed"   // an LwM2M Server could not be told of the account: Finish was not sent
	CauseFinishRefused    Cause = "finish-refused"     // Finish was answered with an error
	CauseFinishUnknown    Cause = "finish-unknown"     // Finish was sent and not answered: it may have worked
	CauseSuperseded       Cause = "superseded"         // a newer Bootstrap-Request of the same device came
	CauseDeadline         Cause = "deadline"           // the session took longer than it may
	CauseStopped          Cause = "server-stopped"     // the server was shut down
	CauseUnreadable       Cause = "record-unreadable"  // the record of the device or its profile is damaged, or was written by a newer lwbs
	CauseInternal         Cause = "internal-error"     // a fault of the server; its log has details

	CauseWrongPort          Cause = "wrong-port"          // DTLS to the port for plain CoAP, or plain CoAP to the port for DTLS
	CauseOtherProtocol      Cause = "other-protocol"      // a protocol, or a version of one, that no port serves
	CauseAssociationUnknown Cause = "association-unknown" // DTLS of an association that the server does not have; the device was the last to use the address
	CauseUnreadableDatagram Cause = "unreadable-datagram" // neither CoAP nor DTLS nor any other protocol that is recognised
)

// Success reports whether a session with this cause succeeded.
func (c Cause) Success() bool { return c == CauseDone || c == CausePackDelivered }

// Failure reports whether an attempt with this cause failed.
func (c Cause) Failure() bool { return !c.Success() && c != CauseIdle }

// Unused reports whether an attempt with this cause was an association without a request.
func (c Cause) Unused() bool { return c == CauseNoRequest || c == CauseClosedUnused || c == CauseIdle }

// renamedCauses are the former names of causes, which older records and servers have.
var renamedCauses = map[Cause]Cause{
	"looping": CauseRateLimited,
	"garbled": CauseBlockWise,
}

// UnmarshalText reads a cause, also under its former name. An unknown name, such as of a newer
// lwbs, stays as it is.
func (c *Cause) UnmarshalText(text []byte) error {
	*c = Cause(text)
	if now, renamed := renamedCauses[*c]; renamed {
		*c = now
	}
	return nil
}
