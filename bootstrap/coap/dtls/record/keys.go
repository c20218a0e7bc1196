package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"

	"github.com/pion/dtls/v3/pkg/crypto/ccm"
	"golang.org/x/crypto/chacha20poly1305"
)

// A protection says how the records of a suite are protected.
type protection struct {
	prf func() hash.Hash // of the pseudorandom function

	// Bytes of the keys of one direction: for a MAC, for encryption, and what is the fixed
	// part of its nonces.
	mac, key, iv int

	// cipher makes the cipher of one direction. The lengths of its keys are right.
	cipher func(directionKeys) (recordCipher, error)
}

// Those of the suites in the order of [Suites] and [CertificateSuites]. The suites with
// AES-256-GCM have SHA-384, all others SHA-256.
var protections = map[Suite]protection{
	PSKWithAES128CCM8:      {sha256.New, 0, 16, 4, aesCCM(8)},
	PSKWithAES128CCM:       {sha256.New, 0, 16, 4, aesCCM(16)},
	PSKWithAES128GCMSHA256: {sha256.New, 0, 16, 4, aesGCM},
	PSKWithAES128CBCSHA256: {sha256.New, sha256.Size, 16, 0, aesCBC},

	ECDSAWithAES128CCM8:       {sha256.New, 0, 16, 4, aesCCM(8)},
	ECDSAWithAES128CCM:        {sha256.New, 0, 16, 4, aesCCM(16)},
	ECDSAWithAES128GCMSHA256:  {sha256.New, 0, 16, 4, aesGCM},
	ECDSAWithAES256GCMSHA384:  {sha512.New384, 0, 32, 4, aesGCM},
	ECDSAWithChaCha20Poly1305: {sha256.New, 0, 32, chacha20poly1305.NonceSize, chaCha20},
	RSAWithAES128GCMSHA256:    {sha256.New, 0, 16, 4, aesGCM},
	RSAWithAES256GCMSHA384:    {sha512.New384, 0, 32, 4, aesGCM},
	RSAWithChaCha20Poly1305:   {sha256.New, 0, 32, chacha20poly1305.NonceSize, chaCha20},
}

// directionKeys are the keys of one direction.
type directionKeys struct{ mac, key, iv []byte }

// size is how many bytes the keys of both directions have.
func (p protection) size() int { return 2 * (p.mac + p.key + p.iv) }

// KeySize is how many bytes the keys of both directions have with a suite; known is false for
// one that this release does not have.
func KeySize(s Suite) (n int, known bool) {
	p, known := protections[s]
	return p.size(), known
}

// keyBlock derives the keys of both directions from the master secret of a handshake
// (RFC 5246 §6.3).
func (p protection) keyBlock(master, clientRandom, serverRandom []byte) []byte {
	return p.pseudorandom(p.size(), master, "key expansion", serverRandom, clientRandom)
}

// Pseudorandom is the pseudorandom function of a suite (RFC 5246 §5): n bytes that follow from a
// secret, a label and a seed, the parts of which follow each other. The suite is one that a server
// has.
func Pseudorandom(s Suite, n int, secret []byte, label string, seed ...[]byte) []byte {
	return protections[s].pseudorandom(n, secret, label, seed...)
}

func (p protection) pseudorandom(n int, secret []byte, label string, seed ...[]byte) []byte {
	parts := []byte(label)
	for _, part := range seed {
		parts = append(parts, part...)
	}
	h := hmac.New(p.prf, secret)
	out := make([]byte, 0, n+h.Size())
	for a := parts; len(out) < n; {
		a = sum(h, a)
		out = append(out, sum(h, a, parts)...)
	}
	return out[:n:n]
}

// sum is the HMAC of parts, one after the other.
func sum(h hash.Hash, parts ...[]byte) []byte {
	h.Reset()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

// split cuts a key block of the right size into what the client and what the server
// writes with. Both alias it.
func (p protection) split(block []byte) (client, server directionKeys) {
	cut := func(n int) (first, second []byte) {
		first, second, block = block[:n], block[n:2*n], block[2*n:]
		return first, second
	}
	client.mac, server.mac = cut(p.mac)
	client.key, server.key = cut(p.key)
	client.iv, server.iv = cut(p.iv)
	return client, server
}

// aesCCM is AES-CCM with tags of so many bytes (RFC 6655 §3, §4).
func aesCCM(tag int) func(directionKeys) (recordCipher, error) {
	return func(k directionKeys) (recordCipher, error) {
		block, err := aes.NewCipher(k.key)
		if err != nil {
			return nil, err
		}
		a, err := ccm.NewCCM(block, tag, saltSize+explicitSize)
		if err != nil {
			return nil, err
		}
		return explicitAEAD{a, k.iv}, nil
	}
}

// aesGCM is AES-GCM (RFC 5288 §3).
func aesGCM(k directionKeys) (recordCipher, error) {
	block, err := aes.NewCipher(k.key)
	if err != nil {
		return nil, err
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return explicitAEAD{a, k.iv}, nil
}

// chaCha20 is ChaCha20-Poly1305 (RFC 7905 §2).
func chaCha20(k directionKeys) (recordCipher, error) {
	a, err := chacha20poly1305.New(k.key)
	if err != nil {
		return nil, err
	}
	return implicitAEAD{a, k.iv}, nil
}

// aesCBC is AES-CBC with HMAC-SHA256 (RFC 5487 §3.1).
func aesCBC(k directionKeys) (recordCipher, error) {
	block, err := aes.NewCipher(k.key)
	if err != nil {
		return nil, err
	}
	return cbc{block: block, hash: sha256.New, key: k.mac}, nil
}
