package hello

import "fmt"

// A SignatureAlgorithm is a hash and a signature, by their numbers in RFC 5246 §7.4.1.4.1,
// or one of those that RFC 8446 §4.2.3 added. With ECDSA a hash goes with any curve: it is
// DTLS 1.3 that ties them.
type SignatureAlgorithm uint16

// The algorithms with which a server signs.
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
	PSSWithSHA256 SignatureAlgorithm = 0x0804
	PSSWithSHA384 SignatureAlgorithm = 0x0805
	PSSWithSHA512 SignatureAlgorithm = 0x0806
)

// SignatureAlgorithms are all of them, the best first of each kind of key.
func SignatureAlgorithms() []SignatureAlgorithm {
	return []SignatureAlgorithm{
		ECDSAWithSHA256, ECDSAWithSHA384, ECDSAWithSHA512, Ed25519,
		PSSWithSHA256, PSSWithSHA384, PSSWithSHA512, RSAWithSHA256, RSAWithSHA384, RSAWithSHA512,
	}
}

var hashNames = map[byte]string{1: "MD5", 2: "SHA-1", 3: "SHA-224", 4: "SHA-256", 5: "SHA-384", 6: "SHA-512"}

var signatureNames = map[SignatureAlgorithm]string{
	Ed25519: "Ed25519", 0x0808: "Ed448",
	PSSWithSHA256: "RSA-PSS with SHA-256", PSSWithSHA384: "RSA-PSS with SHA-384", PSSWithSHA512: "RSA-PSS with SHA-512",
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
