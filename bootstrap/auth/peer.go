package auth

import (
	"crypto/x509"
	"net/netip"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Peer is who is at the other end of an association, or of an address and port of plain CoAP.
type Peer struct {
	Remote    string // IP:port as first seen
	Transport string // store.TransportPlain or store.TransportDTLS

	// Local is the address that the peer sends to; invalid or unspecified where that is not known.
	Local netip.Addr

	// Identity is the PSK identity that was proved, raw; empty with plain CoAP and with a
	// certificate.
	Identity string

	// Chain are the certificates of a peer that proved to have the key of the first one,
	// as it sent them; empty for other peers.
	Chain []*x509.Certificate

	// HasKey reports whether the peer has proved to hold a pre-shared key; nil where that cannot be
	// told.
	HasKey func(key lwm2m.Secret) bool

	// Stale is why the credential of the peer is not accepted any more, on an association that
	// was made when it was: [ErrKeyChanged], [ErrKeyUnknown], or a [*CertificateError]. Nil
	// where it is accepted. A stale peer is refused, and told to make a new handshake.
	Stale error
}

// Name is what the peer authenticated as: the PSK identity, as [store.IdentityText] has it,
// or the fingerprint of the certificate.
func (p Peer) Name() string {
	if len(p.Chain) > 0 {
		return store.Fingerprint(p.Chain[0].Raw)
	}
	return store.IdentityText([]byte(p.Identity))
}

// Secure reports whether the peer is authenticated: it came over DTLS.
func (p Peer) Secure() bool { return p.Transport == store.TransportDTLS }
