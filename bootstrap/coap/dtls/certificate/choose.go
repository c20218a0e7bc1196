package certificate

import (
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"slices"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// Choose returns the certificate to show to a client that asked for a server of this name,
// empty for none. Of those that go with what it offers it is the first of the best: what
// counts is that the client offers the curve of the key, then the name, and then that it
// offers the signature of the issuer. Its error says why there is none.
//
// A client that offers a suite with a pre-shared key has such a key and is meant to use
// it: Mbed TLS offers suites with certificates first, though it has none.
func Choose(certificates []tls.Certificate, name string, o hello.Offer) (*tls.Certificate, error) {
	if record.Common(o.Suites, record.Suites()) {
		return &tls.Certificate{PrivateKey: noPrivateKey{}}, nil
	}
	var chosen *tls.Certificate
	best, why := 0, fmt.Errorf("%w: it offers %s", auth.ErrNoCommonSuite, hello.Listed(o.Suites))
	for i, c := range certificates {
		if err := mismatch(o, c); err != nil {
			if errors.Is(why, auth.ErrNoCommonSuite) {
				why = err
			}
			continue
		}
		if score := 1 + scoreOf(o, name, c.Leaf); score > best {
			chosen, best = &certificates[i], score
		}
	}
	if chosen == nil {
		return nil, why
	}
	return chosen, nil
}

// scoreOf is how well a certificate fits to a client.
func scoreOf(o hello.Offer, name string, c *x509.Certificate) (score int) {
	if c == nil {
		return 0
	}
	if CurveNotOffered(o, c) == nil {
		score += 4
	}
	if named(c, name) {
		score += 2
	}
	if issuedFor(o, c) {
		score++
	}
	return score
}

// A noPrivateKey goes with no suite that has certificates, so that pion looks further.
type noPrivateKey struct{}

// Public implements [crypto.Signer].
func (noPrivateKey) Public() crypto.PublicKey { return nil }

// Sign implements [crypto.Signer].
func (noPrivateKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("no key to sign with")
}

// suitesOf are the suites that go with a certificate as a server's; Ed25519 keys sign
// where ECDSA keys do (RFC 8422 §5.5).
func suitesOf(c tls.Certificate) []record.Suite {
	if key, ok := c.PrivateKey.(crypto.Signer); ok {
		if _, ok := key.Public().(*rsa.PublicKey); ok {
			return record.RSASuites()
		}
	}
	return record.ECDSASuites()
}

// AcceptedSuites are the suites of a server with these certificates.
func AcceptedSuites(certificates []tls.Certificate) []record.Suite {
	suites := record.Suites()
	for _, c := range certificates {
		for _, s := range suitesOf(c) {
			if !slices.Contains(suites, s) {
				suites = append(suites, s)
			}
		}
	}
	return suites
}
