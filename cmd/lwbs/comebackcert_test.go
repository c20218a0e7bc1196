package main

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"syscall"
	"testing"

	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/store"
)

// The same for devices with certificates, whose record may name another one by then, or whose
// own was revoked.
func TestComesBackWithACertificateAfterAChange(t *testing.T) {
	p := clitest.NewPKI(t)
	other := store.Fingerprint(certtest.SelfSigned(t, "other").Certificate[0])
	pinned, revoked := certtest.SelfSigned(t, "pinned"), p.CA.Client(t, "revoked")
	tests := []struct {
		name        string // of the device, and what its certificate is for
		certificate tls.Certificate
		record      string // options of device add
		change      string // a command, or what it names
		cause       string
		why         string
	}{
		{"ada", p.CA.Client(t, "ada"), "--certificate-name ada", "", "done", ""},
		{"bohr", p.CA.Client(t, "bohr"), "--certificate-name bohr", "device disable bohr", "disabled", "lwbs device enable bohr"},
		{"curie", p.CA.Client(t, "curie"), "--certificate-name curie", "device set curie --certificate-name other", "certificate-name-mismatch", `the record takes "other"`},
		{"dirac", pinned, "--certificate-fingerprint " + store.Fingerprint(pinned.Certificate[0]), "device set dirac --certificate-fingerprint " + other, "certificate-unknown", store.Fingerprint(pinned.Certificate[0])},
		{"euler", p.CA.Client(t, "euler"), "--certificate-name euler", "device delete euler", "endpoint-unknown", "there is no device record of this name"},
		{"fermi", revoked, "--certificate-name revoked", "revoke", "certificate-revoked", "was revoked"},
	}
	sh := newShell(t)
	sh.serve(append(p.Options(), "--hibernate", "memory")...)
	sh.ok("profile apply -f $D/meter.yaml")
	devices := make([]*keptDevice, len(tests))
	for i, tt := range tests {
		sh.ok("device add " + tt.name + " --profile meter " + tt.record)
		devices[i] = sh.dial(tt.name, coap.DialConfig{Certificate: &tt.certificate, ServerCertificates: []*x509.Certificate{p.CA.Certificate}, ServerName: "bs.example.com"})
		if err := devices[i].bootstrap(); err != nil {
			t.Fatal(err)
		}
	}
	sh.awaitMetric("lwbs_associations_hibernated", float64(len(tests)))
	for i, tt := range tests {
		t.Run(strings.TrimSuffix(tt.name+" "+tt.cause, " "), func(t *testing.T) {
			switch tt.change {
			case "":
			case "revoke":
				p.Revoke(t, revoked)
				if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
				sh.refused(p, revoked) // by now the list has been read
			default:
				sh.ok(tt.change)
			}
			err := devices[i].bootstrap()
			if served := err == nil; served != (tt.cause == "done") {
				t.Errorf("it ends with %v, want cause %s", err, tt.cause)
			}
			contains(t, "why", sh.await("why "+tt.name, ": "+tt.cause+"\n"), tt.why)
		})
	}
}
