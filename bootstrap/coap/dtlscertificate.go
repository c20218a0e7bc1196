package coap

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxChain is how many certificates a client may send: its own and those up to its CA.
const maxChain = 8

// parseChain reads the certificates that a peer sent.
func parseChain(raw [][]byte) ([]*x509.Certificate, error) {
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

// choose returns the certificate to show to a client that asked for a server of this
// name, empty for none, and offers suites: the first one of that name whose key goes with
// a suite, else the first one whose key does; nil where there is none.
//
// A client that offers a suite with a pre-shared key has such a key and is meant to use
// it: Mbed TLS offers suites with certificates first, though it has none.
func choose(certificates []tls.Certificate, name string, offered []Suite) *tls.Certificate {
	if common(offered, Suites()) {
		return &tls.Certificate{PrivateKey: noKey{}}
	}
	var chosen *tls.Certificate
	for i, c := range certificates {
		switch {
		case !common(offered, suitesOf(c)):
		case named(c.Leaf, name):
			return &certificates[i]
		case chosen == nil:
			chosen = &certificates[i]
		}
	}
	return chosen
}

// named reports whether a certificate is for the server of this name. LwM2M has it in the
// Common Name too.
func named(c *x509.Certificate, name string) bool {
	if c == nil || name == "" {
		return false
	}
	name = strings.TrimSuffix(name, ".")
	return c.VerifyHostname(name) == nil || strings.EqualFold(c.Subject.CommonName, name)
}

// A noKey goes with no suite that has certificates, so that pion looks further.
type noKey struct{}

// Public implements [crypto.Signer].
func (noKey) Public() crypto.PublicKey { return nil }

// Sign implements [crypto.Signer].
func (noKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no key to sign with")
}

// ErrServerCertificate: the server has a certificate that the device does not trust.
var ErrServerCertificate = errors.New("server certificate refused")

// verifyServer returns why a device that trusts these certificates, of CAs or of the
// server itself, does not trust a server that showed chain. Name is the host that it
// wants to reach, empty where that does not matter.
func verifyServer(trusted, chain []*x509.Certificate, name string) error {
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
