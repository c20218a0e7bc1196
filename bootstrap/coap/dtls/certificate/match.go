package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// signsWith are the algorithms that go with a key of ours, the best first.
func signsWith(c tls.Certificate) []hello.SignatureAlgorithm {
	switch publicKey(c).(type) {
	case *ecdsa.PublicKey:
		return []hello.SignatureAlgorithm{hello.ECDSAWithSHA256, hello.ECDSAWithSHA384, hello.ECDSAWithSHA512}
	case ed25519.PublicKey:
		return []hello.SignatureAlgorithm{hello.Ed25519}
	case *rsa.PublicKey:
		return []hello.SignatureAlgorithm{hello.RSAWithSHA256, hello.RSAWithSHA384, hello.RSAWithSHA512}
	}
	return nil
}

func publicKey(c tls.Certificate) crypto.PublicKey {
	if key, ok := c.PrivateKey.(crypto.Signer); ok {
		return key.Public()
	}
	return nil
}

// curveOf is the group that a key is of; ok is false for none.
func curveOf(key crypto.PublicKey) (g hello.Group, ok bool) {
	k, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return 0, false
	}
	switch k.Curve {
	case elliptic.P256():
		return hello.P256, true
	case elliptic.P384():
		return hello.P384, true
	case elliptic.P521():
		return hello.P521, true
	}
	return 0, false
}

// PreferredSignatures puts the algorithms that a client offers in front, in our order: pion signs with
// the first that goes with the key. A client that offers none gets what it got before there
// was a choice, ECDSA and RSA with SHA-256, as RFC 7925 §4.4 has it; the SHA-1 of RFC 5246
// §7.4.1.4.1 is not for today (RFC 9155).
func PreferredSignatures(o hello.Offer) []hello.SignatureAlgorithm {
	all := hello.SignatureAlgorithms()
	slices.SortStableFunc(all, func(a, b hello.SignatureAlgorithm) int { return rank(o, a) - rank(o, b) })
	return all
}

func rank(o hello.Offer, a hello.SignatureAlgorithm) int {
	if hello.Agreed(o.Signatures, []hello.SignatureAlgorithm{a}) {
		return 0
	}
	return 1
}

// mismatch is why a client cannot be shown a certificate; nil where it can.
func mismatch(o hello.Offer, c tls.Certificate) error {
	switch {
	case !record.Common(o.Suites, suitesOf(c)):
		return fmt.Errorf("%w: it offers %s", auth.ErrNoCommonSuite, hello.Listed(o.Suites))
	case !hello.Agreed(o.Groups, hello.Groups()):
		return fmt.Errorf("%w: the server has %s, and the client offers %s", auth.ErrNoCommonCurve, hello.Listed(hello.Groups()), hello.Listed(o.Groups))
	case !hello.Agreed(o.Signatures, signsWith(c)):
		return fmt.Errorf("%w: the key of the server's certificate %q signs with %s, and the client offers %s", auth.ErrNoCommonSignature,
			subjectOf(c), hello.Listed(signsWith(c)), hello.Listed(o.Signatures))
	}
	return nil
}

// CurveNotOffered is that a client does not offer the curve of the key in a certificate, which
// it should where it can verify it (RFC 8422 §5.1). Some offer only curves for the key
// exchange, so that this is no reason to end a handshake; but one may end for it.
func CurveNotOffered(o hello.Offer, c *x509.Certificate) error {
	curve, is := curveOf(c.PublicKey)
	if !is || hello.Agreed(o.Groups, []hello.Group{curve}) {
		return nil
	}
	return fmt.Errorf("%w: the key of the server's certificate %q is of %v, and the client offers %s", auth.ErrNoCommonCurve, c.Subject, curve, hello.Listed(o.Groups))
}

func subjectOf(c tls.Certificate) string {
	if c.Leaf == nil {
		return ""
	}
	return c.Leaf.Subject.String()
}

// algorithmsOfChain maps the signatures of certificates.
var algorithmsOfChain = map[x509.SignatureAlgorithm][]hello.SignatureAlgorithm{
	x509.ECDSAWithSHA256:  {hello.ECDSAWithSHA256},
	x509.ECDSAWithSHA384:  {hello.ECDSAWithSHA384},
	x509.ECDSAWithSHA512:  {hello.ECDSAWithSHA512},
	x509.PureEd25519:      {hello.Ed25519},
	x509.SHA256WithRSA:    {hello.RSAWithSHA256},
	x509.SHA384WithRSA:    {hello.RSAWithSHA384},
	x509.SHA512WithRSA:    {hello.RSAWithSHA512},
	x509.SHA256WithRSAPSS: {hello.PSSWithSHA256, 0x0809},
	x509.SHA384WithRSAPSS: {hello.PSSWithSHA384, 0x080a},
	x509.SHA512WithRSAPSS: {hello.PSSWithSHA512, 0x080b},
}

// issuedFor reports whether a client can verify who issued a certificate, as far as it says
// what it can (RFC 5246 §7.4.2, RFC 8446 §4.2.3). Many can more than they say, so that this
// is for choosing only.
func issuedFor(o hello.Offer, c *x509.Certificate) bool {
	list := o.ChainSignatures
	if list == nil {
		list = o.Signatures
	}
	with, known := algorithmsOfChain[c.SignatureAlgorithm]
	return !known || hello.Agreed(list, with)
}
