package certificate

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lwbs/bootstrap/auth"
)

// maxChain is how many certificates a client may send: its own and those up to its CA.
const maxChain = 8

// ParseChain reads the certificates that a peer sent.
func ParseChain(raw [][]byte) ([]*x509.Certificate, error) {
	if len(raw) > maxChain {
		return nil, fmt.Errorf("chain of %d certificates, at most %d are taken", len(raw), maxChain)
	}
	chain := make([]*x509.Certificate, len(raw))
	for i, der := range raw {
		var err error
		if chain[i], err = x509.ParseCertificate(der); err != nil {
			return nil, fmt.Errorf("certificate %d of the chain: %w", i+1, err)
		}
	}
	return chain, nil
}

// maxRSA is the longest RSA key of a client that is looked at, in bits, as pion has it.
const maxRSA = 8192

// ProofError is why a handshake ended with err after the client had sent this certificate and
// a signature with its key.
func ProofError(raw []byte, err error) error {
	c, parseErr := x509.ParseCertificate(raw)
	if parseErr != nil {
		return fmt.Errorf("%w: %w", auth.ErrCertificateKind, parseErr)
	}
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n > maxRSA {
			return fmt.Errorf("%w: that of %q has an RSA key of %d bits", auth.ErrCertificateKind, c.Subject, n)
		}
	default:
		return fmt.Errorf("%w: that of %q has a key of the algorithm %v", auth.ErrCertificateKind, c.Subject, c.PublicKeyAlgorithm)
	}
	return fmt.Errorf("%w, that of %q: %w", auth.ErrCertificateProof, c.Subject, err)
}

// named reports whether a certificate is for the server of this name. LwM2M has it in the
// Common Name too.
func named(c *x509.Certificate, name string) bool {
	if name == "" {
		return false
	}
	name = strings.TrimSuffix(name, ".")
	return c.VerifyHostname(name) == nil || strings.EqualFold(c.Subject.CommonName, name)
}

// ErrServerCertificate: the server has a certificate that the device does not trust.
var ErrServerCertificate = errors.New("server certificate refused")

// VerifyServer returns why a device that trusts these certificates, of CAs or of the
// server itself, does not trust a server that showed chain. Name is the host that it
// wants to reach, empty where that does not matter.
func VerifyServer(trusted, chain []*x509.Certificate, name string) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: there is none", ErrServerCertificate)
	}
	if name != "" && !named(chain[0], name) {
		return fmt.Errorf("%w: it is not for %q", ErrServerCertificate, name)
	}
	if slices.ContainsFunc(trusted, chain[0].Equal) {
		return nil
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for _, c := range trusted {
		roots.AddCert(c)
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	if _, err := chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between}); err != nil {
		return fmt.Errorf("%w: %w", ErrServerCertificate, err)
	}
	return nil
}
