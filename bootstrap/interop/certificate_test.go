//go:build interop

package interop_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/certtest"
	"lwbs/store"
)

// serverName is what devices with certificates expect of the server.
const serverName = "bs.example.com"

// A pki is what an operator of devices with certificates has.
type pki struct {
	ca, untrusted *certtest.Authority
	caFile        string
	options       []string // of lwbs serve
}

func newPKI(t *testing.T) pki {
	t.Helper()
	p := pki{ca: certtest.NewAuthority(t, "Root"), untrusted: certtest.NewAuthority(t, "Untrusted")}
	p.caFile = caFile(t, p.ca)
	ecdsa, ecdsaKey := certtest.WriteFiles(t, p.ca.Server(t, serverName, certtest.P256(t)))
	rsa, rsaKey := certtest.WriteFiles(t, p.ca.Server(t, serverName, certtest.RSA(t)))
	p.options = []string{"--tls-cert", ecdsa, "--tls-key", ecdsaKey, "--tls-cert", rsa, "--tls-key", rsaKey, "--tls-client-ca", p.caFile}
	return p
}

func caFile(t *testing.T, ca *certtest.Authority) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	certtest.WritePEM(t, file, "CERTIFICATE", ca.Certificate.Raw)
	return file
}

// device is one that trusts the CA and has this certificate.
func (p pki) device(t *testing.T, server string, c tls.Certificate) device {
	t.Helper()
	d := factoryDevice(server)
	d.identity, d.key = "", ""
	d.ca, d.name = p.caFile, serverName
	if len(c.Certificate) > 0 {
		d.certificate, d.certificateKey = certtest.WriteFiles(t, c)
	}
	return d
}

// A device with a certificate is bootstrapped with every suite that both libraries have.
func TestCertificates(t *testing.T) {
	p := newPKI(t)
	for _, c := range dtlsClients {
		for _, suite := range c.certificates {
			t.Run(c.name+"/"+suite, func(t *testing.T) {
				t.Parallel()
				c.require(t)
				lwbs := serve(t, p.options...)
				lwbs.apply(t, "coaps://127.0.0.1:5684")
				d := p.device(t, lwbs.uri["coaps"], p.ca.Client(t, factoryDevice("").endpoint))
				lwbs.add(t, d)
				bare := bareDevice{t: t, link: c.start(t, d, suite), device: d}
				written := bare.bootstrap()
				s := lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0]
				if s.Cause != "done" || s.Transport != "coaps" || len(s.Identity) != 64 {
					t.Errorf("session is %+v", s)
				}
				if want := []string{"/0/1", "/1/0"}; !slices.Equal(written, want) {
					t.Errorf("%q were written, want %q", written, want)
				}
			})
		}
	}
}

// Leshan's device trusts the one certificate of the server (certificate usage 3), comes
// with its own, and registers with the key that it is given.
func TestLeshanCertificate(t *testing.T) {
	leshan11.require(t)
	ca := certtest.NewAuthority(t, "Root")
	server := ca.Server(t, serverName, certtest.P256(t), func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	certificate, key := certtest.WriteFiles(t, server)
	sink := leshan11.sink(t)
	lwbs := serve(t, "--tls-cert", certificate, "--tls-key", key, "--tls-client-ca", caFile(t, ca))
	lwbs.apply(t, sink.uri("coaps"))
	d := factoryDevice("")
	d.server = lwbs.uri["coaps"]
	own := ca.Client(t, d.endpoint)
	private, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	d.certificate, d.certificateKey = writeFile(t, "own.der", string(own.Certificate[0])), writeFile(t, "own.key", string(private))
	d.ca = writeFile(t, "server.der", string(server.Certificate[0]))
	lwbs.add(t, d)
	sink.accept(t, lwbs.account(t, d.endpoint))
	leshan11.start(t, d)
	for range leshan11.rounds {
		checkRegistration(t, sink.registered(t), leshan11, "coaps")
	}
	for _, s := range lwbs.sessions(t, leshan11.rounds, "--endpoint", d.endpoint) {
		if s.Cause != "done" || s.Identity != store.Fingerprint(own.Certificate[0]) {
			t.Errorf("session is %+v", s)
		}
	}
}

// A library that has a key and could do certificates is still asked for the key.
func TestKeyBesideCertificates(t *testing.T) {
	p := newPKI(t)
	for _, c := range []dtlsClient{openssl, mbedTLS} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.require(t)
			lwbs := serve(t, p.options...)
			lwbs.apply(t, "coaps://127.0.0.1:5684")
			d := factoryDevice(lwbs.uri["coaps"])
			lwbs.add(t, d)
			suite := "" // Mbed TLS: all that it has
			if c.name == openssl.name {
				suite = "ECDHE-ECDSA-AES128-GCM-SHA256:PSK"
			}
			bare := bareDevice{t: t, link: c.start(t, d, suite), device: d}
			bare.bootstrap()
			checkDone(t, lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0], "coaps", d)
		})
	}
}

// Who does not have a good certificate gets nothing, and the operator is told why.
func TestCertificateFailure(t *testing.T) {
	p := newPKI(t)
	name := factoryDevice("").endpoint
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }
	tests := []struct {
		name        string
		certificate tls.Certificate
		ca          *certtest.Authority // that the device trusts
		cause       string
		why         string
	}{
		{"expired", p.ca.Client(t, name, expired), p.ca, "certificate-expired", "valid until"},
		{"of an untrusted CA", p.untrusted.Client(t, name), p.ca, "certificate-untrusted", "unknown authority"},
		{"self-signed", certtest.SelfSigned(t, name), p.ca, "certificate-unknown", "no device record names"},
		{"none", tls.Certificate{}, p.ca, "certificate-missing", "did not send one"},
		{"server not trusted", p.ca.Client(t, name), p.untrusted, "server-certificate-refused", serverName},
	}
	for _, tt := range tests {
		for _, c := range dtlsClients {
			t.Run(tt.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				c.require(t)
				lwbs := serve(t, append(slices.Clone(p.options), "--handshake-timeout", "10s")...) // for those that say nothing
				lwbs.apply(t, "coaps://127.0.0.1:5684")
				d := p.device(t, lwbs.uri["coaps"], tt.certificate)
				d.ca = caFile(t, tt.ca)
				lwbs.add(t, d)
				c.start(t, d, c.certificates[2])
				s := lwbs.sessions(t, 1, "--failed")[0]
				if tt.ca != p.ca && c.mute {
					tt.cause = "handshake-failed"
				}
				known := len(tt.certificate.Certificate) > 0 && tt.ca == p.ca // the server got to see it
				if s.Cause != tt.cause || known != (s.Endpoint == d.endpoint) || len(s.Operations) != 0 {
					t.Errorf("session is %+v, want cause %s", s, tt.cause)
				}
				if !known { // and so is what to ask about
					if tt.ca != p.ca && !strings.Contains(s.Detail, tt.why) {
						t.Errorf("detail %q does not tell %q", s.Detail, tt.why)
					}
					return
				}
				if why := lwbs.run(t, "why", d.endpoint); !strings.Contains(why, tt.why) {
					t.Errorf("lwbs why does not tell %q:\n%s", tt.why, why)
				}
			})
		}
	}
}
