// Package certtest makes certificates for tests: nothing of them is kept, and every run
// has new keys.
package certtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority is a CA.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
	above       [][]byte // certificates between it and its root, its own first
}

// NewAuthority makes a root.
func NewAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	return NewAuthorityWith(t, name, P256(t))
}

// NewAuthorityWith makes a root that has this key.
func NewAuthorityWith(t testing.TB, name string, key crypto.Signer) *Authority {
	t.Helper()
	return &Authority{key: key, Certificate: sign(t, authority(name), nil, key, key)}
}

// Authority makes a CA below a. Each change may alter its certificate before it is signed.
func (a *Authority) Authority(t testing.TB, name string, change ...func(*x509.Certificate)) *Authority {
	t.Helper()
	return a.AuthorityWith(t, name, P256(t), change...)
}

// AuthorityWith is Authority for a key that there is.
func (a *Authority) AuthorityWith(t testing.TB, name string, key crypto.Signer, change ...func(*x509.Certificate)) *Authority {
	t.Helper()
	below := &Authority{key: key}
	c := authority(name)
	for _, f := range change {
		f(c)
	}
	below.Certificate = sign(t, c, a.Certificate, below.key, a.key)
	below.above = append([][]byte{below.Certificate.Raw}, a.above...)
	return below
}

func authority(name string) *x509.Certificate {
	c := template(name)
	c.IsCA, c.BasicConstraintsValid = true, true
	c.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	c.ExtKeyUsage = nil
	return c
}

// Client issues the certificate of a client with this Common Name, a day old and good for
// another. Each change may alter it before it is signed.
func (a *Authority) Client(t testing.TB, name string, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	return a.ClientWith(t, name, P256(t), change...)
}

// ClientWith is Client for a key that there is.
func (a *Authority) ClientWith(t testing.TB, name string, key crypto.Signer, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	return a.issue(t, key, template(name), change)
}

// Server issues the certificate of a server with this DNS name, for the key.
func (a *Authority) Server(t testing.TB, name string, key crypto.Signer, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	c := template(name)
	c.DNSNames = []string{name}
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return a.issue(t, key, c, change)
}

func (a *Authority) issue(t testing.TB, key crypto.Signer, c *x509.Certificate, change []func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	for _, f := range change {
		f(c)
	}
	leaf := sign(t, c, a.Certificate, key, a.key)
	return tls.Certificate{Certificate: append([][]byte{leaf.Raw}, a.above...), PrivateKey: key, Leaf: leaf}
}

// SelfSigned is the certificate of a client without a CA.
func SelfSigned(t testing.TB, name string) tls.Certificate {
	t.Helper()
	return SelfSignedWith(t, name, P256(t))
}

// SelfSignedWith is SelfSigned for a key that there is.
func SelfSignedWith(t testing.TB, name string, key crypto.Signer) tls.Certificate {
	t.Helper()
	leaf := sign(t, template(name), nil, key, key)
	return tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
}

// Revoke returns the list of revoked certificates, which is these, in DER.
func (a *Authority) Revoke(t testing.TB, certificates ...tls.Certificate) []byte {
	t.Helper()
	now := time.Now()
	list := &x509.RevocationList{Number: big.NewInt(now.UnixNano()), ThisUpdate: now, NextUpdate: now.Add(time.Hour)}
	for _, c := range certificates {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: c.Leaf.SerialNumber, RevocationTime: now,
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, a.Certificate, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// ParseList reads what Revoke returned.
func ParseList(t testing.TB, der []byte) *x509.RevocationList {
	t.Helper()
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Chain are the certificates of c, its own first.
func Chain(t testing.TB, c tls.Certificate) (chain []*x509.Certificate) {
	t.Helper()
	for _, der := range c.Certificate {
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		chain = append(chain, parsed)
	}
	return chain
}

// P256 is a new ECDSA key.
func P256(t testing.TB) crypto.Signer { return newECDSA(t, elliptic.P256()) }

// P384 is a new ECDSA key.
func P384(t testing.TB) crypto.Signer { return newECDSA(t, elliptic.P384()) }

// P521 is a new ECDSA key.
func P521(t testing.TB) crypto.Signer { return newECDSA(t, elliptic.P521()) }

// Ed25519 is a new key.
func Ed25519(t testing.TB) crypto.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newECDSA(t testing.TB, curve elliptic.Curve) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// RSA is a new key of 2048 bits.
func RSA(t testing.TB) crypto.Signer {
	t.Helper()
	return RSAOf(t, 2048)
}

// RSAOf is a new key of so many bits.
func RSAOf(t testing.TB, bits int) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// WriteFiles writes the chain and the key of c in PEM into a folder of the test's own,
// and returns their paths.
func WriteFiles(t testing.TB, c tls.Certificate) (certificate, key string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "certificate.pem"), filepath.Join(dir, "key.pem")
	WritePEM(t, certificate, "CERTIFICATE", c.Certificate...)
	WritePEM(t, key, "PRIVATE KEY", der)
	return certificate, key
}

// Pair is the certificate of the CA with its key.
func (a *Authority) Pair() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{a.Certificate.Raw}, PrivateKey: a.key}
}

// WritePEM writes blocks of one type into a file, mode 0600.
func WritePEM(t testing.TB, file, blockType string, blocks ...[]byte) {
	t.Helper()
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: b})...)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// template is what all certificates have.
func template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		NotBefore:   now.AddDate(0, 0, -1),
		NotAfter:    now.AddDate(0, 0, 1),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

// sign issues c for key by the parent, or by itself where that is nil.
func sign(t testing.TB, c, parent *x509.Certificate, key, by crypto.Signer) *x509.Certificate {
	t.Helper()
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
