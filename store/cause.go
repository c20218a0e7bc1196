package store

// A Cause is why an attempt ended. It is one of a closed set, in records, metrics and the log.
type Cause string

// The causes.
const (
	CauseDone            Cause = "done"             // Finish was answered with 2.04
	CausePackDelivered   Cause = "pack-delivered"   // a Bootstrap-Pack was sent; nothing tells what became of it
	CauseIdentityUnknown Cause = "identity-unknown" // handshake with an identity that no device has
	CauseKeyDiffers      Cause = "key-differs"      // identity known, but what should prove the key does not fit
	CauseHandshakeFailed Cause = "handshake-failed" // it ended before anything was proved, or could be
	CauseNoCommonSuite   Cause = "no-common-suite"  // the client offers no suite that the server has

	CauseNoCommonCurve     Cause = "no-common-curve"               // the client offers no curve that the server has, or not that of its certificate's key
	CauseNoCommonSignature Cause = "no-common-signature-algorithm" // the client takes no signature that the server's key can make
	CauseCertificateKind   Cause = "certificate-unsupported"       // the client's is of a kind that the server cannot verify
	CauseCertificateProof  Cause = "certificate-unproved"          // the client did not prove that it has the key of its certificate

	CauseCertificateMissing   Cause = "certificate-missing"        // the client has chosen certificates and sent none
	CauseCertificateUnknown   Cause = "certificate-unknown"        // no device has this one, and no CA vouches for it
	CauseCertificateUntrusted Cause = "certificate-untrusted"      // its issuer is no CA that the server trusts
	CauseCertificateExpired   Cause = "certificate-expired"        // or one between it and the CA
	CauseCertificateEarly     Cause = "certificate-not-yet-valid"  // as above
	CauseCertificateUsage     Cause = "certificate-usage"          // it is not for authenticating clients
	CauseCertificateWeak      Cause = "certificate-weak-key"       // its key is too short, or that of one between it and the CA
	CauseCertificateRevoked   Cause = "certificate-revoked"        // a list of the CA has it
	CauseCertificateName      Cause = "certificate-name-mismatch"  // it names no device that may come so
	CauseServerRefused        Cause = "server-certificate-refused" // the client does not trust the server's

	CauseNoRequest        Cause = "no-request"         // authenticated, and then never asked
	CauseClosedUnused     Cause = "closed-unused"      // the same, and the client ended the association itself
	CauseIdle             Cause = "idle"               // the same of a device that has what it needs
	CauseOtherRequest     Cause = "other-request"      // asked for something else than to bootstrap, such as to register
	CauseBadRequest       Cause = "bad-request"        // the Bootstrap-Request breaks the specification
	CauseEndpointUnknown  Cause = "endpoint-unknown"   // no device of this name
	CauseIdentityMismatch Cause = "identity-mismatch"  // authenticated with what the device of that name does not have
	CauseNoSecRefused     Cause = "nosec-refused"      // plain CoAP, and the record does not permit it
	CauseDisabled         Cause = "disabled"           // the record is disabled
	CauseKeyChanged       Cause = "key-changed"        // came back on an association made with a key that the record had before
	CauseWithdrawn        Cause = "withdrawn"          // an edit took from the device what the session was giving
	CauseFormatUnknown    Cause = "format-unsupported" // a preferred content format that there is not
	CausePlanInvalid      Cause = "plan-invalid"       // profile and device together make no consistent configuration
	CauseTemplateFailed   Cause = "template-failed"    // a template asks for what the device record does not have
	CauseRateLimited      Cause = "rate-limited"       // the device began more sessions within a short time than it may
	CauseBusy             Cause = "busy"               // a limit of the server was reached
	CauseDiscoverFailed   Cause = "discover-failed"    // refused, and the profile says that this ends the session
	CauseRefused          Cause = "refused"            // the client refused a mandatory operation
	CauseVerifyFailed     Cause = "verify-failed"      // the client did not hold what it had accepted
	CauseSilent           Cause = "silent"             // the client did not answer an operation
	CauseReset            Cause = "reset"              // the client answered an operation with RST
	CauseBlockWise        Cause = "block-wise-error"   // the client's answer broke the rules of block-wise transfer
	CauseAnswerTooLarge   Cause = "answer-too-large"   // an answer of the client has, or leads to, more than the server takes
	CauseGone             Cause = "gone"               // the association ended in the middle, most often since the client closed it
	CauseFinishRefused    Cause = "finish-refused"     // Finish was answered with an error
	CauseFinishUnknown    Cause = "finish-unknown"     // Finish was sent and not answered: it may have worked
	CauseSuperseded       Cause = "superseded"         // a newer Bootstrap-Request of the same device came
	CauseDeadline         Cause = "deadline"           // the whole took longer than it may
	CauseStopped          Cause = "server-stopped"     // the server was shut down
	CauseUnreadable       Cause = "record-unreadable"  // the record of the device, or of its profile, is damaged or of a newer lwbs
	CauseInternal         Cause = "internal-error"     // the server's own fault; its log tells more

	CauseWrongPort          Cause = "wrong-port"          // DTLS to the port for plain CoAP, or plain CoAP to that for DTLS
	CauseOtherProtocol      Cause = "other-protocol"      // a protocol, or version of one, that no port is for
	CauseAssociationUnknown Cause = "association-unknown" // DTLS of an association that the server does not have, from an address that the device was the last to use
	CauseUnreadableDatagram Cause = "unreadable-datagram" // neither CoAP nor DTLS nor anything else that can be told for sure
)

// Success reports whether a session with this cause ended well.
func (c Cause) Success() bool { return c == CauseDone || c == CausePackDelivered }

// Failure reports whether an attempt with this cause went wrong.
func (c Cause) Failure() bool { return !c.Success() && c != CauseIdle }

// Unused reports whether an attempt with this cause was an association without a request.
func (c Cause) Unused() bool { return c == CauseNoRequest || c == CauseClosedUnused || c == CauseIdle }

// renamedCauses are the names of causes in records and servers from before they were renamed.
var renamedCauses = map[Cause]Cause{
	"looping": CauseRateLimited,
	"garbled": CauseBlockWise,
}

// UnmarshalText reads a cause, also under a name that it had before. A name that is not known,
// as of a newer lwbs, stays as it is.
func (c *Cause) UnmarshalText(text []byte) error {
	*c = Cause(text)
	if now, renamed := renamedCauses[*c]; renamed {
		*c = now
	}
	return nil
}
