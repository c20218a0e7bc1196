//go:build interop

package interop_test

import (
	"strings"
	"testing"
)

// The server signs with what the client takes, whatever the curve of its key.
func TestSignatureAlgorithms(t *testing.T) {
	p := newPKI(t)
	tests := []struct {
		client dtlsClient
		suite  string
		name   string
		offer  []string // options of OpenSSL, or the end of the priority string of GnuTLS
	}{
		{openssl, "DEFAULT", "ECDSA with SHA-256", []string{"-sigalgs", "ECDSA+SHA256"}},
		{openssl, "DEFAULT", "ECDSA with SHA-384", []string{"-sigalgs", "ECDSA+SHA384"}},
		{openssl, "DEFAULT", "ECDSA with SHA-512", []string{"-sigalgs", "ECDSA+SHA512"}},
		{openssl, "ECDHE-RSA-AES128-GCM-SHA256", "RSA with SHA-512", []string{"-sigalgs", "RSA+SHA512:ECDSA+SHA256"}},
		{gnutls, gnutls.certificates[2], "ECDSA with SHA-384", []string{":-SIGN-ALL:+SIGN-ECDSA-SHA384:+SIGN-ECDSA-SHA256"}},
		{gnutls, gnutls.certificates[2], "ECDSA with SHA-512", []string{":-SIGN-ALL:+SIGN-ECDSA-SHA512:+SIGN-ECDSA-SHA256"}},
	}
	for _, tt := range tests {
		t.Run(tt.client.name+"/"+tt.name, func(t *testing.T) {
			t.Parallel()
			tt.client.require(t)
			lwbs := serve(t, p.options...)
			lwbs.apply(t, "coaps://127.0.0.1:5684")
			d := p.device(t, lwbs.uri["coaps"], p.ca.Client(t, factoryDevice("").endpoint))
			suite := tt.suite
			if tt.client.name == gnutls.name {
				suite += tt.offer[0]
			} else {
				d.options = tt.offer
			}
			lwbs.add(t, d)
			bare := bareDevice{t: t, link: tt.client.start(t, d, suite), device: d}
			bare.bootstrap()
			if s := lwbs.sessions(t, 1, "--endpoint", d.endpoint)[0]; s.Cause != "done" {
				t.Errorf("session is %+v", s)
			}
		})
	}
}

// Where nothing that the client offers goes with the server's certificate, the client hears
// so at once, and the operator reads what was offered and what is needed.
func TestNothingInCommon(t *testing.T) {
	p := newPKI(t)
	tests := []struct {
		name  string
		suite string
		offer []string
		cause string
		tells []string
	}{
		{"signature", "ECDHE-ECDSA-AES128-GCM-SHA256", []string{"-sigalgs", "ed25519:RSA+SHA256"}, "no-common-signature-algorithm",
			[]string{"Ed25519, RSA with SHA-256", "signs with ECDSA with SHA-256, ECDSA with SHA-384"}},
		{"curve", "ECDHE-ECDSA-AES128-GCM-SHA256", []string{"-groups", "P-521:brainpoolP256r1"}, "no-common-curve",
			[]string{"P-521, brainpoolP256r1", "the server has P-256, P-384, X25519"}},
		{"suite", "AES128-SHA", nil, "no-common-suite", []string{"suite 0x002f"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			openssl.require(t)
			lwbs := serve(t, p.options...)
			lwbs.apply(t, "coaps://127.0.0.1:5684")
			d := p.device(t, lwbs.uri["coaps"], p.ca.Client(t, factoryDevice("").endpoint))
			d.options = tt.offer
			openssl.start(t, d, tt.suite)
			s := lwbs.sessions(t, 1, "--failed")[0]
			if s.Cause != tt.cause {
				t.Errorf("session is %+v, want cause %s", s, tt.cause)
			}
			for _, text := range tt.tells {
				if !strings.Contains(s.Detail, text) {
					t.Errorf("detail %q does not tell %q", s.Detail, text)
				}
			}
		})
	}
}
