package coap

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
	"strings"

	"lwbs/bootstrap"
)

// A SignatureAlgorithm is a hash and a signature, by their numbers in RFC 5246 §7.4.1.4.1,
// or one of those that RFC 8446 §4.2.3 added. With ECDSA a hash goes with any curve: it is
// DTLS 1.3 that ties them.
type SignatureAlgorithm uint16

// The algorithms with which [ListenDTLS] signs.
const (
	ECDSAWithSHA256 SignatureAlgorithm = 0x0403
	ECDSAWithSHA384 SignatureAlgorithm = 0x0503
	ECDSAWithSHA512 SignatureAlgorithm = 0x0603
	Ed25519         SignatureAlgorithm = 0x0807
	RSAWithSHA256   SignatureAlgorithm = 0x0401
	RSAWithSHA384   SignatureAlgorithm = 0x0501
	RSAWithSHA512   SignatureAlgorithm = 0x0601
)

// Those with which clients may sign beside them.
const (
	pssWithSHA256 SignatureAlgorithm = 0x0804
	pssWithSHA384 SignatureAlgorithm = 0x0805
	pssWithSHA512 SignatureAlgorithm = 0x0806
)

// signatureAlgorithms are all of them, the best first of each kind of key.
func signatureAlgorithms() []SignatureAlgorithm {
	return []SignatureAlgorithm{
		ECDSAWithSHA256, ECDSAWithSHA384, ECDSAWithSHA512, Ed25519,
		pssWithSHA256, pssWithSHA384, pssWithSHA512, RSAWithSHA256, RSAWithSHA384, RSAWithSHA512,
	}
}

var hashNames = map[byte]string{1: "MD5", 2: "SHA-1", 3: "SHA-224", 4: "SHA-256", 5: "SHA-384", 6: "SHA-512"}

var signatureNames = map[SignatureAlgorithm]string{
	Ed25519: "Ed25519", 0x0808: "Ed448",
	pssWithSHA256: "RSA-PSS with SHA-256", pssWithSHA384: "RSA-PSS with SHA-384", pssWithSHA512: "RSA-PSS with SHA-512",
	0x0809: "RSA-PSS with SHA-256 (PSS key)", 0x080a: "RSA-PSS with SHA-384 (PSS key)", 0x080b: "RSA-PSS with SHA-512 (PSS key)",
	0x081a: "ECDSA with SHA-256 (brainpool)", 0x081b: "ECDSA with SHA-384 (brainpool)", 0x081c: "ECDSA with SHA-512 (brainpool)",
}

// String is the common name, such as "ECDSA with SHA-256".
func (a SignatureAlgorithm) String() string {
	if name, ok := signatureNames[a]; ok {
		return name
	}
	hash, known := hashNames[byte(a>>8)]
	switch kind := byte(a); {
	case known && kind == 1:
		return "RSA with " + hash
	case known && kind == 2:
		return "DSA with " + hash
	case known && kind == 3:
		return "ECDSA with " + hash
	}
	return fmt.Sprintf("algorithm 0x%04x", uint16(a))
}

// signsWith are the algorithms that go with a key of ours, the best first.
func signsWith(c tls.Certificate) []SignatureAlgorithm {
	switch publicKey(c).(type) {
	case *ecdsa.PublicKey:
		return []SignatureAlgorithm{ECDSAWithSHA256, ECDSAWithSHA384, ECDSAWithSHA512}
	case ed25519.PublicKey:
		return []SignatureAlgorithm{Ed25519}
	case *rsa.PublicKey:
		return []SignatureAlgorithm{RSAWithSHA256, RSAWithSHA384, RSAWithSHA512}
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
func curveOf(key crypto.PublicKey) (g Group, ok bool) {
	k, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return 0, false
	}
	switch k.Curve {
	case elliptic.P256():
		return P256, true
	case elliptic.P384():
		return P384, true
	case elliptic.P521():
		return p521, true
	}
	return 0, false
}

// preferred puts the algorithms that a client offers in front, in our order: pion signs with
// the first that goes with the key. A client that offers none gets what it got before there
// was a choice, ECDSA and RSA with SHA-256, as RFC 7925 §4.4 has it; the SHA-1 of RFC 5246
// §7.4.1.4.1 is not for today (RFC 9155).
func preferred(o offer) []SignatureAlgorithm {
	all := signatureAlgorithms()
	slices.SortStableFunc(all, func(a, b SignatureAlgorithm) int { return rank(o, a) - rank(o, b) })
	return all
}

func rank(o offer, a SignatureAlgorithm) int {
	if agreed(o.signatures, []SignatureAlgorithm{a}) {
		return 0
	}
	return 1
}

// mismatch is why a client cannot be shown a certificate; nil where it can.
func mismatch(o offer, c tls.Certificate) error {
	switch {
	case !common(o.suites, suitesOf(c)):
		return fmt.Errorf("%w: it offers %s", bootstrap.ErrNoCommonSuite, listed(o.suites))
	case !agreed(o.groups, groups()):
		return fmt.Errorf("%w: the server has %s, and the client offers %s", bootstrap.ErrNoCommonCurve, listed(groups()), listed(o.groups))
	case !agreed(o.signatures, signsWith(c)):
		return fmt.Errorf("%w: the key of the server's certificate %q signs with %s, and the client offers %s", bootstrap.ErrNoCommonSignature,
			subjectOf(c), listed(signsWith(c)), listed(o.signatures))
	}
	return nil
}

// strangeCurve is that a client does not offer the curve of the key in a certificate, which
// it should where it can verify it (RFC 8422 §5.1). Some offer only curves for the key
// exchange, so that this is no reason to end a handshake; but one may end for it.
func strangeCurve(o offer, c *x509.Certificate) error {
	curve, is := curveOf(c.PublicKey)
	if !is || agreed(o.groups, []Group{curve}) {
		return nil
	}
	return fmt.Errorf("%w: the key of the server's certificate %q is of %v, and the client offers %s", bootstrap.ErrNoCommonCurve, c.Subject, curve, listed(o.groups))
}

func subjectOf(c tls.Certificate) string {
	if c.Leaf == nil {
		return ""
	}
	return c.Leaf.Subject.String()
}

// maxListed is how many suites, curves or algorithms of a peer are worth telling.
const maxListed = 8

// listed puts what a peer offers into words.
func listed[T fmt.Stringer](offered []T) string {
	if len(offered) == 0 {
		return "none"
	}
	var parts []string
	for _, v := range offered[:min(len(offered), maxListed)] {
		parts = append(parts, v.String())
	}
	if rest := len(offered) - maxListed; rest > 0 {
		parts = append(parts, fmt.Sprintf("%d more", rest))
	}
	return strings.Join(parts, ", ")
}

// algorithmsOfChain maps the signatures of certificates.
var algorithmsOfChain = map[x509.SignatureAlgorithm][]SignatureAlgorithm{
	x509.ECDSAWithSHA256:  {ECDSAWithSHA256},
	x509.ECDSAWithSHA384:  {ECDSAWithSHA384},
	x509.ECDSAWithSHA512:  {ECDSAWithSHA512},
	x509.PureEd25519:      {Ed25519},
	x509.SHA256WithRSA:    {RSAWithSHA256},
	x509.SHA384WithRSA:    {RSAWithSHA384},
	x509.SHA512WithRSA:    {RSAWithSHA512},
	x509.SHA256WithRSAPSS: {pssWithSHA256, 0x0809},
	x509.SHA384WithRSAPSS: {pssWithSHA384, 0x080a},
	x509.SHA512WithRSAPSS: {pssWithSHA512, 0x080b},
}

// issuedFor reports whether a client can verify who issued a certificate, as far as it says
// what it can (RFC 5246 §7.4.2, RFC 8446 §4.2.3). Many can more than they say, so that this
// is for choosing only.
func issuedFor(o offer, c *x509.Certificate) bool {
	list := o.ofChain
	if list == nil {
		list = o.signatures
	}
	with, known := algorithmsOfChain[c.SignatureAlgorithm]
	return !known || agreed(list, with)
}
