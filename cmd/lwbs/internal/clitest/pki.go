package clitest

import (
	"crypto/tls"
	"path/filepath"
	"testing"

	"lwbs/bootstrap/certtest"
)

// A PKI is what an operator with certificates has in files.
type PKI struct {
	CA, Foreign            *certtest.Authority
	Server                 tls.Certificate
	Cert, Key, Roots, List string // files
}

// NewPKI makes a CA, the certificate of a server, and an empty list of revoked certificates, in files.
func NewPKI(t *testing.T) PKI {
	t.Helper()
	p := PKI{CA: certtest.NewAuthority(t, "Root"), Foreign: certtest.NewAuthority(t, "Foreign")}
	p.Server = p.CA.Server(t, "bs.example.com", certtest.P256(t))
	p.Cert, p.Key = certtest.WriteFiles(t, p.Server)
	p.Roots, p.List = filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "crl.pem")
	certtest.WritePEM(t, p.Roots, "CERTIFICATE", p.CA.Certificate.Raw)
	p.Revoke(t)
	return p
}

// Revoke writes the list of revoked certificates.
func (p PKI) Revoke(t *testing.T, certificates ...tls.Certificate) {
	t.Helper()
	certtest.WritePEM(t, p.List, "X509 CRL", p.CA.Revoke(t, certificates...))
}

// Options are those of lwbs serve.
func (p PKI) Options() []string {
	return []string{"--tls-cert", p.Cert, "--tls-key", p.Key, "--tls-client-ca", p.Roots, "--tls-crl", p.List}
}
