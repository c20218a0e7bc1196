package store

import (
	"time"

	"lwbs/lwm2m"
)

// A Session is one attempt to bootstrap, kept as history. Attempts that never got
// past the handshake are sessions too.
type Session struct {
	// ID is unique, and greater than that of every session that began before, whatever the
	// clock said then: the history is in this order.
	ID string `json:"id"`

	// Endpoint is the device that the attempt is counted under: the one whose credential
	// the peer has proved to hold; where it proved none, the one whose identity or name it
	// gave; where there is no such device, the name that it gave. Empty where nothing of
	// this is known.
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"`

	// Claimed is the endpoint name in the request, where it is another than Endpoint: the
	// peer holds the credential of Endpoint, and calls itself this.
	Claimed lwm2m.EndpointName `json:"claimed,omitempty"`

	// Known is whether Endpoint had a device record.
	Known bool `json:"known"`

	// Proof is what the peer proved of being Endpoint. Attempts of each kind are kept under
	// limits of their own, so that those who proved nothing push out nothing of the others.
	Proof Proof `json:"proof,omitempty"`

	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
	Remote    string    `json:"remote"`             // IP:port
	Transport string    `json:"transport"`          // "coap" or "coaps"
	Identity  string    `json:"identity,omitempty"` // PSK identity, made printable, or fingerprint of the certificate

	Profile         string        `json:"profile,omitempty"`
	ProfileRevision Revision      `json:"profileRevision,omitempty"`
	DeviceRevision  Revision      `json:"deviceRevision,omitempty"`
	PreferredFormat *lwm2m.Format `json:"preferredFormat,omitempty"` // pct; nil when not sent
	Format          lwm2m.Format  `json:"format,omitzero"`           // of the Writes

	// Stage is how far the session came.
	Stage Stage `json:"stage"`

	// Cause is why it ended; empty while it runs.
	Cause Cause `json:"cause,omitempty"`

	// Detail is one line about the cause: never a secret.
	Detail string `json:"detail,omitempty"`

	// Variant tells apart what one Cause covers, where different things are to be done.
	Variant Variant `json:"variant,omitempty"`

	// Attempts is how many attempts of the same kind, from Started to Ended, this record
	// stands for; zero means one. All else is about the latest.
	Attempts int `json:"attempts,omitempty"`

	// Network, such as 192.0.2.0/24, is set where the record is about all attempts from there
	// that ended with this cause and have no records of their own, since there were too many
	// of peers that proved nothing.
	Network string `json:"network,omitempty"`

	// Operations are what was asked of the client, in order.
	Operations []Operation `json:"operations,omitempty"`

	// Links is the client's answer to Bootstrap-Discover, cut at 2 KiB.
	Links string `json:"links,omitempty"`

	// Quirks are deviations of the client that were tolerated.
	Quirks []string `json:"quirks,omitempty"`

	// Notes are what else is worth telling: what the client keeps of its servers, say.
	Notes []string `json:"notes,omitempty"`
}

// A Proof is what a peer proved about who it is.
type Proof string

// The proofs.
const (
	// ProofIdentity: a DTLS handshake with a credential of the device.
	ProofIdentity Proof = "identity"

	// ProofAddress: the peer of plain CoAP answered a request of ours, and so is where it
	// says. Nothing proves that it is the device.
	ProofAddress Proof = "address"

	// ProofNone: neither. Anybody could have sent this.
	ProofNone Proof = "none"
)

// Counts reports whether an attempt with this proof says something about the device and is
// kept among its own sessions. It is true of the records of former releases, which say
// nothing about proofs.
func (p Proof) Counts() bool { return p != ProofNone }

// An Operation is one bootstrap operation of a session.
type Operation struct {
	Op            lwm2m.Op      `json:"op"`
	Path          lwm2m.Path    `json:"path"` // the root for Finish
	Format        lwm2m.Format  `json:"format,omitzero"`
	Bytes         int           `json:"bytes,omitempty"`         // of the payload sent, or received for Discover and Read
	Code          lwm2m.Code    `json:"code,omitzero"`           // zero: no answer
	Error         string        `json:"error,omitempty"`         // why there is no answer
	Diagnostic    string        `json:"diagnostic,omitempty"`    // text the client sent with an error, made printable, cut at 128 bytes
	Took          time.Duration `json:"took"`                    // nanoseconds
	Transmissions int           `json:"transmissions,omitempty"` // datagrams sent, 1 where none was lost
	Tolerated     bool          `json:"tolerated,omitempty"`     // it failed, and the session went on
}

// A Stage is how far a session came.
type Stage string

// The stages, in order.
const (
	StageDatagram  Stage = "datagram"  // something came that is for no port here, or for no association
	StageHandshake Stage = "handshake" // DTLS was tried
	StageRequest   Stage = "request"   // a Bootstrap-Request arrived
	StagePack      Stage = "pack"      // a Bootstrap-Pack was put together
	StageDiscover  Stage = "discover"
	StageDelete    Stage = "delete"
	StageWrite     Stage = "write"
	StageVerify    Stage = "verify"
	StageFinish    Stage = "finish"
	StageDone      Stage = "done"
)

// A Variant is one of several things that a [Cause] covers.
type Variant string

// The variants.
const (
	VariantRegisters        Variant = "registers"         // other-request: the request is that to register
	VariantAfterCertificate Variant = "after-certificate" // handshake-failed: the peer fell silent when it was shown the server's certificate
	VariantNewerDTLS        Variant = "newer-dtls"        // other-protocol: the peer has newer versions of DTLS only
	VariantOlderDTLS        Variant = "older-dtls"        // other-protocol: the peer has older versions of DTLS only
	VariantTCP              Variant = "tcp"               // other-protocol: the peer speaks as over TCP
	VariantOtherReplica     Variant = "other-replica"     // association-unknown: the connection ID is one of a server with another --replica-id
)

// A Cause is why a session ended; also the metric label.
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
	CauseLooping          Cause = "looping"            // bootstrapped again and again within a short time
	CauseBusy             Cause = "busy"               // a limit of the server was reached
	CauseDiscoverFailed   Cause = "discover-failed"    // refused, and the profile says that this ends the session
	CauseRefused          Cause = "refused"            // the client refused a mandatory operation
	CauseVerifyFailed     Cause = "verify-failed"      // the client did not hold what it had accepted
	CauseSilent           Cause = "silent"             // the client did not answer an operation
	CauseReset            Cause = "reset"              // the client answered an operation with RST
	CauseGarbled          Cause = "garbled"            // the client's answer broke the rules of block-wise transfer
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

// A SessionQuery selects sessions, the newest first.
type SessionQuery struct {
	Endpoint lwm2m.EndpointName // of this endpoint, or under this name; empty for any
	Identity string             // with this Identity; empty for any
	Before   string             // older than the session with this ID; empty from the newest
	Limit    int                // at most this many; zero means 100, at most 10,000
	Failed   bool               // only those that did not end well

	// Own is for Endpoint: only attempts of which it is known whose they are, as their Proof
	// counts. Without it come those under its name as well: by peers that proved nothing, and
	// by other devices that claimed it.
	Own bool

	// Unknown selects the attempts of peers that belong to no device, and nothing else.
	Unknown bool
}
