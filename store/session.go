package store

import (
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"lwbs/lwm2m"
)

// The transports of a [Session].
const (
	TransportPlain = "coap"  // CoAP over UDP
	TransportDTLS  = "coaps" // CoAP over DTLS
)

// A Session is the record of one attempt in the history: of a session, or of an attempt that ended
// before one began, such as a failed handshake.
type Session struct {
	// ID is unique, and greater than the ID of every session that began before, even if the clock
	// was wrong. The history is in this order.
	ID string `json:"id"`

	// Endpoint is the device under which the attempt is counted: the one whose credential the peer
	// proved to hold; else the one whose identity or name it gave; else, where there is no such
	// device, the name that it gave. Empty where nothing of this is known.
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"`

	// Claimed is the endpoint name in the request, where it differs from Endpoint: the peer holds
	// the credential of Endpoint and gave this name.
	Claimed lwm2m.EndpointName `json:"claimed,omitempty"`

	// Known is whether Endpoint had a device record.
	Known bool `json:"known"`

	// Proof is what the peer proved about being Endpoint. Each kind has limits of its own in the
	// history, so that attempts without proof do not displace others.
	Proof Proof `json:"proof,omitempty"`

	Started   time.Time `json:"started"`
	Ended     time.Time `json:"ended,omitzero"`
	Remote    string    `json:"remote"`             // IP:port
	Transport string    `json:"transport"`          // TransportPlain or TransportDTLS
	Identity  string    `json:"identity,omitempty"` // PSK identity, made printable, or fingerprint of the certificate

	// Group is the enrolment group that enrolled the device for this attempt, or that its name
	// matched and that did not enrol it; empty for none.
	Group string `json:"group,omitempty"`

	// Enrolled is whether the record of the device was made in this attempt, by Group.
	Enrolled bool `json:"enrolled,omitempty"`

	Profile         string        `json:"profile,omitempty"`
	ProfileRevision Revision      `json:"profileRevision,omitempty"`
	DeviceRevision  Revision      `json:"deviceRevision,omitempty"`
	PreferredFormat *lwm2m.Format `json:"preferredFormat,omitempty"` // pct; nil when not sent
	Format          lwm2m.Format  `json:"format,omitzero"`           // of the Writes

	// Stage is how far the attempt came.
	Stage Stage `json:"stage"`

	// Pending is the ID of the pending device that waited for approval in the session, or was rejected;
	// empty elsewhere.
	Pending string `json:"pending,omitempty"`

	// Cause is why the attempt ended; empty while it runs.
	Cause Cause `json:"cause,omitempty"`

	// Detail is one line about the cause, without secrets.
	Detail string `json:"detail,omitempty"`

	// Variant distinguishes attempts with the same Cause that need different remedies.
	Variant Variant `json:"variant,omitempty"`

	// Attempts is how many coalesced failures, from Started to Ended, this record stands for; zero
	// means one. All other fields are those of the latest.
	Attempts int `json:"attempts,omitempty"`

	// Network, such as 192.0.2.0/24, is set where the record stands for all attempts of peers there
	// that proved nothing, ended with this cause, and have no records of their own because of a
	// limit.
	Network string `json:"network,omitempty"`

	// Operations are the requests to the client, in order.
	Operations []Operation `json:"operations,omitempty"`

	// Links is the client's answer to Bootstrap-Discover, cut at 2 KiB.
	Links string `json:"links,omitempty"`

	// Quirks are deviations of the client that were tolerated.
	Quirks []string `json:"quirks,omitempty"`

	// Notes are further facts, such as what the client keeps of its LwM2M Servers.
	Notes []string `json:"notes,omitempty"`
}

// sessionIDBytes is the length of the ID of a session, in bytes: a time in nanoseconds, and two that tell
// servers apart.
const sessionIDBytes = 10

// SessionIDAt is the lowest ID that a session has which begins at a time, as package history makes them.
func SessionIDAt(at time.Time) string {
	var b [sessionIDBytes]byte
	binary.BigEndian.PutUint64(b[:], uint64(max(at.UnixNano(), 0)))
	return strings.ToLower(base32.HexEncoding.EncodeToString(b[:]))
}

// A Proof is what a peer proved about who it is.
type Proof string

// The proofs.
const (
	// ProofIdentity: a DTLS handshake with a credential of the device.
	ProofIdentity Proof = "identity"

	// ProofAddress: the peer answered a request over plain CoAP, which validates its address.
	// Nothing proves that it is the device.
	ProofAddress Proof = "address"

	// ProofNone: neither. The datagram may be forged.
	ProofNone Proof = "none"
)

// Counts reports whether an attempt with this proof counts among the device's own. It is true for
// records of former releases, which have no proof.
func (p Proof) Counts() bool { return p != ProofNone }

// An Operation is one bootstrap operation of a session.
type Operation struct {
	Op            lwm2m.Op      `json:"op"`
	Path          lwm2m.Path    `json:"path"` // the root for Finish
	Format        lwm2m.Format  `json:"format,omitzero"`
	Bytes         int           `json:"bytes,omitempty"`         // of the payload sent, or received for Discover and Read
	Code          lwm2m.Code    `json:"code,omitzero"`           // zero for no answer
	Error         string        `json:"error,omitempty"`         // why there is no answer
	Diagnostic    string        `json:"diagnostic,omitempty"`    // text that the client sent with an error, made printable, cut at 128 bytes
	Took          time.Duration `json:"took"`                    // nanoseconds
	Transmissions int           `json:"transmissions,omitempty"` // datagrams sent, 1 where none was lost
	Tolerated     bool          `json:"tolerated,omitempty"`     // it failed, and the session went on
	Repeated      int           `json:"repeated,omitempty"`      // how many more times it was sent, with the same answer, while the device was parked
}

// A Stage is how far an attempt came.
type Stage string

// The stages, in order.
const (
	StageDatagram  Stage = "datagram"  // a datagram came that belongs to no port or association
	StageHandshake Stage = "handshake" // a DTLS handshake began
	StageRequest   Stage = "request"   // a Bootstrap-Request arrived
	StageParked    Stage = "parked"    // an unknown device waits for approval
	StageQueued    Stage = "queued"    // the device waits for its turn
	StagePack      Stage = "pack"      // a Bootstrap-Pack was built
	StageDiscover  Stage = "discover"
	StageDelete    Stage = "delete"
	StageWrite     Stage = "write"
	StageVerify    Stage = "verify"
	StageHandOver  Stage = "hand-over" // LwM2M Servers are told of the accounts
	StageFinish    Stage = "finish"
	StageDone      Stage = "done"
)

// A Variant is one of several things that a [Cause] covers.
type Variant string

// The variants.
const (
	VariantRegisters        Variant = "registers"         // other-request: the request is a registration
	VariantAfterCertificate Variant = "after-certificate" // handshake-failed: the peer was silent after the server sent its certificate
	VariantNewerDTLS        Variant = "newer-dtls"        // other-protocol: the peer offers only newer versions of DTLS
	VariantOlderDTLS        Variant = "older-dtls"        // other-protocol: the peer offers only older versions of DTLS
	VariantTCP              Variant = "tcp"               // other-protocol: the peer sends a protocol for TCP
	VariantOtherReplica     Variant = "other-replica"     // association-unknown: the connection ID belongs to a server with another --replica-id

	// Those of a peer whose name matches an enrolment group that does not enrol it.
	VariantGroupDenied   Variant = "group-denied"   // the group denies the name
	VariantGroupDisabled Variant = "group-disabled" // the group is disabled
	VariantGroupEnded    Variant = "group-ended"    // its end date has passed
	VariantGroupFull     Variant = "group-full"     // it has as many devices as it may have
	VariantGroupName     Variant = "group-name"     // it gives another name than its PSK identity
	VariantGroupRecord   Variant = "group-record"   // there is a record of this name, which does not take the credential of the group
)

// A SessionQuery selects sessions, the newest first.
type SessionQuery struct {
	Endpoint lwm2m.EndpointName // of this device, or under this name; empty for any
	Identity string             // with this Identity; empty for any
	Before   string             // older than the session with this ID; empty from the newest
	Limit    int                // at most this many; zero means 100, at most 10,000
	Failed   bool               // only those that failed

	// Own selects, with Endpoint, only attempts of the device itself (see [Proof.Counts]). Without
	// it those under its name are selected too: of peers that proved nothing, and of other devices
	// that claimed it.
	Own bool

	// Unknown selects only attempts that belong to no device.
	Unknown bool
}
