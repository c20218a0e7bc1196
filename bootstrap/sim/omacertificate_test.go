package sim_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Client Initiated Bootstrap Full, with certificates.
//   - The Bootstrap-Request comes over DTLS with a certificate on either side; the client's
//     has its Endpoint Client Name as Common Name.
//   - The server gives the account of an LwM2M Server with mode Certificate: the client's
//     certificate and key for it, the server's certificate, URI.
//   - After Finish the client registers there, over DTLS with those certificates: 2.01.
func testOMAInt2(t *testing.T) {
	ca := certtest.NewAuthority(t, "CA of the Bootstrap-Server")
	trust, err := auth.NewTrust([]*x509.Certificate{ca.Certificate}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	own, shown := ca.Client(t, string(endpoint)), ca.Server(t, "bs.example", certtest.P256(t))
	var dm *registrar
	b, cfg := newOMABench(t, func(b *bench) {
		b.trust, b.certificate = trust, &shown
		b.device.Credentials = []store.Credential{{Kind: store.CredentialCertificateName, Identity: string(endpoint)}}
		dm = newCertificateRegistrar(b)
	})
	cfg.Dial = func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
		return coap.DialDTLS(ctx, b.dtls.Addr().String(), coap.DialConfig{
			Handler: h, Certificate: &own, ServerCertificates: []*x509.Certificate{ca.Certificate}, ServerName: "bs.example",
		})
	}
	cfg.DialServer = dialWithCertificate
	result, err := sim.Run(t.Context(), cfg)
	b.ok(err)
	b.passed(store.CauseDone, "GET / 2.05", "PUT /0/0 2.04", "PUT /1/0 2.04", "POST /bs 2.04")
	if s := b.session(); s.Identity != store.Fingerprint(own.Certificate[0]) {
		t.Errorf("the session is of %s", s.Identity)
	}
	if mode := result.Accounts[0].Security.Mode; mode != lwm2m.SecurityCertificate || len(result.Registered) != 1 {
		t.Errorf("account with mode %v, registered at %v", mode, result.Registered)
	}
	dm.registered("ep=" + string(endpoint) + "&lt=3600&lwm2m=1.1&b=U")
	b.checkBootstrapServer(result, cfg)
}

// newCertificateRegistrar makes the account of b's profile lead to a registrar, which
// takes the device with the certificate that it is to be given, and no other.
func newCertificateRegistrar(b *bench) *registrar {
	b.t.Helper()
	ca := certtest.NewAuthority(b.t, "CA of the LwM2M Server")
	given, shown := ca.Client(b.t, string(endpoint)), ca.Server(b.t, "127.0.0.1", certtest.P256(b.t))
	r := &registrar{t: b.t, came: make(chan bootstrap.Request, 1)}
	l, err := coap.ListenDTLS("127.0.0.1:0", coap.Config{
		Handler: r, PSK: func(string) (lwm2m.Secret, error) { return lwm2m.Secret{}, nil },
		DTLS: coap.DTLSConfig{
			Certificates: func() []tls.Certificate { return []tls.Certificate{shown} },
			VerifyClient: func(chain []*x509.Certificate) error {
				if len(chain) == 0 || !bytes.Equal(chain[0].Raw, given.Certificate[0]) {
					return errors.New("another certificate")
				}
				return nil
			},
		},
	})
	b.ok(err)
	b.t.Cleanup(func() { l.Close() })
	r.Listener = l
	private, err := x509.MarshalPKCS8PrivateKey(given.PrivateKey)
	b.ok(err)
	public := "base64:" + base64.StdEncoding.EncodeToString(given.Certificate[0])
	a := &b.profile.Accounts[0]
	a.URI, a.Security, a.Key = "coaps://"+l.Addr().String(), "certificate", store.KeySupplied
	a.ServerPublicKey = store.OctetsOf(shown.Certificate[0])
	a.SecurityResources = map[lwm2m.ResourceID]store.Literal{3: {Text: &public}}
	b.device.Accounts = map[string]store.AccountKeys{"main": {Key: lwm2m.NewSecret(private)}}
	return r
}

// dialWithCertificate reaches the LwM2M Server of an account, whose certificate it pins.
func dialWithCertificate(ctx context.Context, a sim.Account) (bootstrap.Conn, error) {
	private, err1 := x509.ParsePKCS8PrivateKey([]byte(a.Security.SecretKey.Reveal()))
	server, err2 := x509.ParseCertificate(a.Security.ServerPublicKey)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return coap.DialDTLS(ctx, strings.TrimPrefix(a.Security.ServerURI, "coaps://"), coap.DialConfig{
		Certificate:        &tls.Certificate{Certificate: [][]byte{a.Security.PublicKeyOrIdentity}, PrivateKey: private},
		ServerCertificates: []*x509.Certificate{server},
	})
}
