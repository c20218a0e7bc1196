package dtls

import (
	"crypto/sha256"
	"crypto/x509"
	"unique"

	"lwbs/bootstrap/coap/dtls/certificate"
)

// A credential is what a peer authenticated with.
type credential struct {
	identity string              // of PSK
	chain    []*x509.Certificate // its own first; nil while folded

	// Folded: the same, each in DER. Those of CAs many peers have in common.
	own string
	cas []unique.Handle[string]
}

// folded returns c in little memory.
func (c credential) folded() credential {
	if c.chain == nil {
		return c
	}
	for i, cert := range c.chain {
		if i == 0 {
			c.own = string(cert.Raw)
			continue
		}
		c.cas = append(c.cas, unique.Make(string(cert.Raw)))
	}
	c.chain = nil
	return c
}

// certificates are those of the peer, its own first.
func (c credential) certificates() []*x509.Certificate {
	if c.chain != nil || c.own == "" {
		return c.chain
	}
	chain, _ := certificate.ParseChain(c.raw()) // which could be parsed before
	return chain
}

// raw are the certificates of a folded credential in DER; none without.
func (c credential) raw() (raw [][]byte) {
	if c.own == "" {
		return nil
	}
	raw = [][]byte{[]byte(c.own)}
	for _, ca := range c.cas {
		raw = append(raw, []byte(ca.Value()))
	}
	return raw
}

// name tells the peer from others.
func (c credential) name() peerName {
	own := []byte(c.own)
	if len(c.chain) > 0 {
		own = c.chain[0].Raw
	}
	if len(own) > 0 {
		sum := sha256.Sum256(own)
		return peerName{string(sum[:]), true}
	}
	return peerName{c.identity, false}
}

// A peerName is what a peer has authenticated as: a PSK identity, or the SHA-256 of its
// certificate.
type peerName struct {
	text          string
	isCertificate bool
}
