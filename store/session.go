package store

import (
	"time"

	"lwbs/lwm2m"
)

// The transports of a [Session].
const (
	TransportPlain = "coap"  // CoAP over UDP
	TransportDTLS  = "coaps" // CoAP over DTLS
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
	Transport string    `json:"transport"`          // TransportPlain or TransportDTLS
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
