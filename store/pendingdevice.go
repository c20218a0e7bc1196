package store

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/lwm2m"
)

// A PendingDevice is an unknown device that asked to be bootstrapped where such devices wait for
// approval. It is stored until it is approved, so that neither the device nor a rejection is
// forgotten over a restart of the server. It has no secrets.
type PendingDevice struct {
	// ID is what an operator approves it by: see [NewPendingID]. A device that comes again keeps it.
	ID string

	// Endpoint is the name that the device gave or, where it gave none, the one in its certificate;
	// empty where neither tells.
	Endpoint lwm2m.EndpointName

	// Named is whether the device gave Endpoint in its request. Then a record serves it only under
	// this name.
	Named bool

	// Transport is TransportDTLS, or TransportPlain for a device that did not authenticate.
	Transport string

	// Kind and Identity are what it authenticated with, as in a [Credential]; empty with plain CoAP.
	Kind     CredentialKind
	Identity string

	// Names are those of the client in its certificate, at most MaxPendingNames.
	Names []string

	// Group is what vouches for the device in place of a record, and Profile the profile that it is
	// to have unless the operator says otherwise; both may be empty.
	Group   string
	Profile string

	Remote string    // IP:port that it came from last
	First  time.Time // when it came first
	Last   time.Time // when it came last
	Count  int       // how often it came, at least 1

	// Rejected is when an operator rejected it; zero where none has.
	Rejected time.Time
}

// MaxPendingNames is the limit of PendingDevice.Names.
const MaxPendingNames = 8

// Clone returns a copy that shares nothing with p.
func (p PendingDevice) Clone() PendingDevice {
	p.Names = slices.Clone(p.Names)
	return p
}

// NameUnproved reports whether the device authenticated, and gave a name that is not in its
// certificate: it may be that of another device.
func (p PendingDevice) NameUnproved() bool {
	return p.Kind != "" && p.Kind != CredentialPSK && p.Named && !slices.Contains(p.Names, string(p.Endpoint))
}

// IsCertificateName reports whether name can be the Identity of a CredentialCertificateName.
func IsCertificateName(name string) bool {
	return Credential{Kind: CredentialCertificateName, Identity: name}.validate() == nil
}

// pendingAlphabet has letters and digits that are not taken for one another.
const pendingAlphabet = "23456789abcdefghjkmnpqrstuvwxyz"

// pendingIDLength is 8: 39 bits. IDs are random, so that no peer can choose one.
const pendingIDLength = 8

// NewPendingID returns a random ID for a PendingDevice, such as "k7wq2mxe".
func NewPendingID() string {
	var id [pendingIDLength]byte
	for i := range id {
		id[i] = pendingAlphabet[randomBelow(len(pendingAlphabet))]
	}
	return string(id[:])
}

// randomBelow returns a random number from 0 to n-1, with n at most 256.
func randomBelow(n int) int {
	var b [1]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		if limit := 256 / n * n; int(b[0]) < limit {
			return int(b[0]) % n
		}
	}
}

// IsPendingID reports whether id has the form of the ID of a PendingDevice.
func IsPendingID(id string) bool {
	return len(id) == pendingIDLength && strings.Trim(id, pendingAlphabet) == ""
}

// Validate reports why p cannot be stored. Its error wraps ErrInvalid.
func (p PendingDevice) Validate() error {
	switch {
	case !IsPendingID(p.ID):
		return fmt.Errorf("%w: %.20q is not the ID of a pending device", ErrInvalid, p.ID)
	case p.Kind == "" && p.Transport != TransportPlain, p.Kind != "" && p.Transport != TransportDTLS:
		return fmt.Errorf("%w: a pending device over %q with a credential of the kind %q", ErrInvalid, p.Transport, p.Kind)
	case p.Kind == "" && p.Endpoint == "":
		return fmt.Errorf("%w: a pending device with neither a name nor a credential", ErrInvalid)
	case len(p.Names) > MaxPendingNames:
		return AtMost(len(p.Names), "names of a pending device", MaxPendingNames)
	}
	if p.Endpoint != "" {
		if err := p.Endpoint.Validate(); err != nil {
			return fmt.Errorf("%w: %w", ErrInvalid, err)
		}
	}
	for _, name := range p.Names {
		if !IsCertificateName(name) {
			return fmt.Errorf("%w: %.100q cannot be a name in the certificate of a pending device", ErrInvalid, name)
		}
	}
	switch {
	case p.Kind == "":
		return nil
	case p.Kind == CredentialPSK && (p.Identity == "" || len(p.Identity) > MaxIdentity):
		return fmt.Errorf("%w: identity has %d bytes, 1 to %d are possible", ErrInvalid, len(p.Identity), MaxIdentity)
	case p.Kind == CredentialPSK:
		return nil
	}
	return Credential{Kind: p.Kind, Identity: p.Identity}.validate()
}
