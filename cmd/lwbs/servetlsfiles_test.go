package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/lwm2m"
	"lwbs/store"
)

func TestTLSOptions(t *testing.T) {
	for line, want := range map[string]string{
		"--tls-cert a":                                 "1 --tls-cert and 0 --tls-key",
		"--tls-key a":                                  "0 --tls-cert and 1 --tls-key",
		"--tls-client-ca a":                            "need --tls-cert",
		"--tls-cert a --tls-key b --tls-crl c":         "--tls-crl needs --tls-client-ca",
		"--tls-endpoint-from ou":                       `"ou" is not cn`,
		"--tls-endpoint-from cn=(":                     "error parsing regexp",
		"--tls-cert a --tls-key b --tls-endpoint-from": "--tls-endpoint-from needs a value",
	} {
		status, _, errs := newShell(t).run("serve --coaps 127.0.0.1:0 " + line)
		if status != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q; want %q", line, status, errs, want)
		}
	}
}

// come lets a device with a certificate bootstrap.
func (sh *shell) come(p clitest.PKI, endpoint string, c tls.Certificate) error {
	sh.t.Helper()
	ctx, cancel := context.WithTimeout(sh.t.Context(), patience)
	defer cancel()
	_, err := sim.Run(ctx, sim.Config{
		Endpoint: lwm2m.EndpointName(endpoint),
		BootstrapServer: lwm2m.SecurityInstance{
			ServerURI: "coaps://" + sh.coaps, Mode: lwm2m.SecurityCertificate,
			PublicKeyOrIdentity: c.Certificate[0], ServerPublicKey: p.CA.Certificate.Raw,
		},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			return coap.DialDTLS(ctx, sh.coaps, coap.DialConfig{
				Handler: h, Certificate: &c, ServerCertificates: []*x509.Certificate{p.CA.Certificate}, ServerName: "bs.example.com",
			})
		},
	})
	return err
}

// Devices with certificates bootstrap beside those with keys; one that is revoked stays
// out from the next signal on, and the history says why.
func TestServeCertificates(t *testing.T) {
	p := clitest.NewPKI(t)
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	named, lost := p.CA.Client(t, "meter-1"), p.CA.Client(t, "meter-2")
	pinned := certtest.SelfSigned(t, "whoever")
	sh.ok("device add urn:meter:1 --profile meter --certificate-name meter-1")
	sh.ok("device add urn:meter:2 --profile meter --certificate-name meter-2")
	sh.ok("device add urn:meter:3 --profile meter --certificate-fingerprint " + store.Fingerprint(pinned.Certificate[0]))
	sh.ok("device add urn:meter:4 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	sh.serve(p.Options()...)

	for endpoint, c := range map[string]tls.Certificate{"urn:meter:1": named, "urn:meter:3": pinned} {
		if err := sh.come(p, endpoint, c); err != nil {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if _, err := sh.bootstrap("urn:meter:4", rightKey); err != nil {
		t.Errorf("with a key: %v", err)
	}
	if err := sh.come(p, "urn:meter:2", named); err == nil || !strings.Contains(err.Error(), "4.00") {
		t.Errorf("with the certificate of another: %v", err)
	}
	contains(t, "why", sh.await("why urn:meter:2", "certificate-name-mismatch"), `names "meter-1"; the record takes "meter-2"`, "--certificate-name")

	p.Revoke(t, lost)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	sh.refused(p, lost)
	sh.await("why urn:meter:2", "certificate-revoked")
	contains(t, "failures", sh.ok("session list --failed"), "certificate-revoked", "certificate-name-mismatch")
}

// refused waits until a certificate no longer opens the server.
func (sh *shell) refused(p clitest.PKI, c tls.Certificate) {
	sh.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if err := sh.come(p, "unknown", c); err != nil && strings.Contains(err.Error(), "BadCertificate") {
			return
		}
	}
	sh.t.Fatal("the certificate is still good")
}

// await repeats a command until it prints a text: the history is written a little later.
func (sh *shell) await(line, want string) string {
	sh.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if out := sh.ok(line); strings.Contains(out, want) {
			return out
		} else if time.Now().After(deadline) {
			sh.t.Fatalf("%s does not come to print %q:\n%s", line, want, out)
		}
	}
}

// awaitEnds waits until no session of a list is running, and returns the list.
func (sh *shell) awaitEnds(line string) string {
	sh.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		if out := sh.ok(line); !strings.Contains(out, " running ") {
			return out
		} else if time.Now().After(deadline) {
			sh.t.Fatalf("%s does not come to print ended sessions only:\n%s", line, out)
		}
	}
}
