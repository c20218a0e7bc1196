package record

import (
	"fmt"
	"slices"
)

// A Suite is a cipher suite of DTLS by its number in the IANA registry "TLS Cipher
// Suites".
type Suite uint16

// The suites with a pre-shared key. Transport 1.1.1, "Pre-Shared Keys", asks a server for
// the first and the last; Leshan prefers GCM.
const (
	PSKWithAES128CCM8      Suite = 0xc0a8 // TLS_PSK_WITH_AES_128_CCM_8, RFC 6655
	PSKWithAES128CCM       Suite = 0xc0a4 // TLS_PSK_WITH_AES_128_CCM, RFC 6655
	PSKWithAES128GCMSHA256 Suite = 0x00a8 // TLS_PSK_WITH_AES_128_GCM_SHA256, RFC 5487
	PSKWithAES128CBCSHA256 Suite = 0x00ae // TLS_PSK_WITH_AES_128_CBC_SHA256, RFC 5487
)

// The suites with certificates, by the kind of the server's key. Transport 1.1.1, "X.509
// Certificates", asks for the first, and for one with CBC that pion does not have.
const (
	ECDSAWithAES128CCM8       Suite = 0xc0ae // TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8, RFC 7251
	ECDSAWithAES128CCM        Suite = 0xc0ac // TLS_ECDHE_ECDSA_WITH_AES_128_CCM, RFC 7251
	ECDSAWithAES128GCMSHA256  Suite = 0xc02b // TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, RFC 5289
	ECDSAWithAES256GCMSHA384  Suite = 0xc02c // TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, RFC 5289
	ECDSAWithChaCha20Poly1305 Suite = 0xcca9 // TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, RFC 7905
	RSAWithAES128GCMSHA256    Suite = 0xc02f // TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, RFC 5289
	RSAWithAES256GCMSHA384    Suite = 0xc030 // TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, RFC 5289
	RSAWithChaCha20Poly1305   Suite = 0xcca8 // TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, RFC 7905
)

var suiteNames = map[Suite]string{
	PSKWithAES128CCM8:      "TLS_PSK_WITH_AES_128_CCM_8",
	PSKWithAES128CCM:       "TLS_PSK_WITH_AES_128_CCM",
	PSKWithAES128GCMSHA256: "TLS_PSK_WITH_AES_128_GCM_SHA256",
	PSKWithAES128CBCSHA256: "TLS_PSK_WITH_AES_128_CBC_SHA256",

	ECDSAWithAES128CCM8:       "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
	ECDSAWithAES128CCM:        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
	ECDSAWithAES128GCMSHA256:  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
	ECDSAWithAES256GCMSHA384:  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	ECDSAWithChaCha20Poly1305: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
	RSAWithAES128GCMSHA256:    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
	RSAWithAES256GCMSHA384:    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
	RSAWithChaCha20Poly1305:   "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
}

// Suites are all the suites with a pre-shared key, which are those that a server accepts
// in any case, and that a client offers where it has such a key.
func Suites() []Suite {
	return []Suite{PSKWithAES128CCM8, PSKWithAES128CCM, PSKWithAES128GCMSHA256, PSKWithAES128CBCSHA256}
}

// CertificateSuites are all the suites with certificates. A server accepts those that go with the
// keys of its certificates, and a client offers them where it has a certificate.
func CertificateSuites() []Suite { return append(ECDSASuites(), RSASuites()...) }

// ECDSASuites are those that go with an ECDSA or Ed25519 key of the server.
func ECDSASuites() []Suite {
	return []Suite{ECDSAWithAES128CCM8, ECDSAWithAES128CCM, ECDSAWithAES128GCMSHA256, ECDSAWithAES256GCMSHA384, ECDSAWithChaCha20Poly1305}
}

// RSASuites are those that go with an RSA key of the server.
func RSASuites() []Suite {
	return []Suite{RSAWithAES128GCMSHA256, RSAWithAES256GCMSHA384, RSAWithChaCha20Poly1305}
}

// Common reports whether two lists have a suite in common.
func Common(a, b []Suite) bool {
	return slices.ContainsFunc(a, func(s Suite) bool { return slices.Contains(b, s) })
}

// String is the name in the registry, such as "TLS_PSK_WITH_AES_128_CCM_8".
func (s Suite) String() string {
	if name, ok := suiteNames[s]; ok {
		return name
	}
	return fmt.Sprintf("suite 0x%04x", uint16(s))
}
