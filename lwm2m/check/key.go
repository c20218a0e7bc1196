package check

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"time"

	"lwbs/lwm2m"
)

// Resources 13 and 15 of Object 0, and their values.
const (
	resourceMatchingType = 13

	matchingExact = 0
)

// digestLengths are the lengths of Resource 0/x/4 by matching type: SHA-256, SHA-384
// and SHA-512.
var digestLengths = map[uint64]int{1: 32, 2: 48, 3: 64}

// rawPublicKey checks the credentials of RPK mode (OMA registry, Object 0, Resources
// 3 to 5; RFC 7250).
func (c *checker) rawPublicKey(p lwm2m.Path, s lwm2m.SecurityInstance) {
	public, err := x509.ParsePKIXPublicKey(s.PublicKeyOrIdentity)
	if err != nil {
		c.fail(p.Append(3), "rpk-public", "public key is not a SubjectPublicKeyInfo in DER")
	}
	c.privateKey(p.Append(5), s.SecretKey, public)
	if c.matching(s) == matchingExact {
		if _, err := x509.ParsePKIXPublicKey(s.ServerPublicKey); err != nil {
			c.fail(p.Append(4), "rpk-server", "server public key is not a SubjectPublicKeyInfo in DER")
		}
		return
	}
	c.digest(p.Append(4), s)
}

// certificate checks the credentials of certificate mode.
func (c *checker) certificate(p lwm2m.Path, s lwm2m.SecurityInstance) {
	own, err := x509.ParseCertificate(s.PublicKeyOrIdentity)
	if err != nil {
		c.fail(p.Append(3), "certificate", "client certificate is not an X.509 certificate in DER")
		c.privateKey(p.Append(5), s.SecretKey, nil)
	} else {
		c.privateKey(p.Append(5), s.SecretKey, own.PublicKey)
		c.validity(p.Append(3), own)
		c.clientUse(p.Append(3), own)
	}
	if c.matching(s) != matchingExact {
		c.digest(p.Append(4), s)
	} else if server, err := x509.ParseCertificate(s.ServerPublicKey); err != nil {
		c.fail(p.Append(4), "server-certificate", "server certificate is not an X.509 certificate in DER")
	} else {
		c.validity(p.Append(4), server)
	}
}

func (c *checker) matching(s lwm2m.SecurityInstance) uint64 {
	r, _ := lwm2m.Instance{Resources: s.Extra}.Resource(resourceMatchingType)
	return r.Value.Uint()
}

func (c *checker) digest(p lwm2m.Path, s lwm2m.SecurityInstance) {
	if want := digestLengths[c.matching(s)]; len(s.ServerPublicKey) != want {
		c.fail(p, "digest", "matching type %d wants a digest of %d bytes, not %d", c.matching(s), want, len(s.ServerPublicKey))
	}
}

// privateKey checks that key is PKCS#8 and belongs to public, where that is known.
func (c *checker) privateKey(p lwm2m.Path, key lwm2m.Secret, public crypto.PublicKey) {
	parsed, err := x509.ParsePKCS8PrivateKey(key.Reveal())
	if err != nil {
		c.fail(p, "private-key", "private key is not PKCS#8 in DER")
		return
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		c.fail(p, "private-key", "private key cannot sign")
		return
	}
	if ec, ok := public.(*ecdsa.PublicKey); ok && ec.Curve != elliptic.P256() {
		c.warn(p, "curve", "keys on %s are not what clients must know: that is P-256", ec.Curve.Params().Name)
	}
	type comparable interface{ Equal(crypto.PublicKey) bool }
	if own, ok := signer.Public().(comparable); ok && public != nil && !own.Equal(public) {
		c.fail(p, "key-pair", "private key does not belong to Resource 3")
	}
}

func (c *checker) validity(p lwm2m.Path, cert *x509.Certificate) {
	switch now := c.opts.Now; {
	case now.IsZero():
	case now.After(cert.NotAfter):
		c.fail(p, "expired", "certificate expired on %s", cert.NotAfter.Format(time.DateOnly))
	case now.Before(cert.NotBefore):
		c.fail(p, "not-yet-valid", "certificate is valid from %s", cert.NotBefore.Format(time.DateOnly))
	}
}

// clientUse checks that a TLS client may use the certificate.
func (c *checker) clientUse(p lwm2m.Path, cert *x509.Certificate) {
	if cert.KeyUsage != 0 && cert.KeyUsage&x509.KeyUsageDigitalSignature == 0 {
		c.fail(p, "key-usage", "key usage of the certificate lacks digitalSignature")
	}
	if len(cert.ExtKeyUsage) == 0 {
		return
	}
	for _, use := range cert.ExtKeyUsage {
		if use == x509.ExtKeyUsageClientAuth || use == x509.ExtKeyUsageAny {
			return
		}
	}
	c.fail(p, "extended-key-usage", "extended key usage of the certificate lacks clientAuth")
}
