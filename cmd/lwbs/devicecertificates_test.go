package main

import (
	"strings"
	"testing"

	"lwbs/bootstrap/certtest"
	"lwbs/store"
)

func TestDeviceCertificates(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("meter.yaml", "name: meter\naccounts:\n  - name: main\n    uri: coap://lwm2m.example.com\n    shortServerID: 101\n")
		sh.ok("profile apply -f $D/meter.yaml")
		ca := certtest.NewAuthority(t, "Root").Authority(t, "Below")
		first, second := ca.Client(t, "first"), ca.Client(t, "second")
		certtest.WritePEM(t, sh.path("first.pem"), "CERTIFICATE", first.Certificate...)
		sh.write("second.der", string(second.Certificate[0]))
		sum := func(b []byte) string { return store.Fingerprint(b) }

		status, _, errs := sh.run("device add dev-1 --profile meter --certificate $D/first.pem --certificate $D/second.der --certificate-name sn-1")
		if status != exitDone {
			t.Fatalf("add: status %d: %s", status, errs)
		}
		contains(t, "add", errs, "read the certificate of CN=first, valid until ")
		lacks(t, "add", errs, "cannot bootstrap")
		got := sh.ok("device get dev-1")
		for _, want := range []string{"certificate " + sum(first.Certificate[0]), "certificate " + sum(second.Certificate[0]), `any certificate of a trusted CA for "sn-1"`} {
			contains(t, "get", got, want)
		}
		contains(t, "get --json", sh.ok("device get --json dev-1"), `"kind": "certificate-name"`)

		sh.ok("device set dev-1 --psk generate")
		contains(t, "with a key too", sh.ok("device get dev-1"), sum(first.Certificate[0]), `psk identity "dev-1"`)
		sh.ok("device set dev-1 --psk none --certificate-fingerprint " + strings.ToUpper("ab:"+strings.Repeat("cd", 31)) + " --certificate-name none")
		got = sh.ok("device get dev-1")
		contains(t, "get", got, "certificate ab"+strings.Repeat("cd", 31))
		for _, gone := range []string{"psk identity", "sn-1", sum(first.Certificate[0])} {
			lacks(t, "get", got, gone)
		}
		sh.ok("device set dev-1 --certificate-fingerprint sha256$SFingerprint=" + strings.ToUpper(strings.Repeat("ef:", 31)+"01"))
		contains(t, "as OpenSSL prints it", sh.ok("device get dev-1"), "certificate "+strings.Repeat("ef", 31)+"01")
		sh.ok("device set dev-1 --certificate-fingerprint none")
		lacks(t, "get", sh.ok("device get dev-1"), "bootstraps with")

		sh.write("no.pem", "no certificate")
		for line, want := range map[string]string{
			"device set dev-1 --certificate $D/none.pem":                                     "no such file",
			"device set dev-1 --certificate $D/no.pem":                                       "$D/no.pem is no certificate in PEM or DER",
			"device set dev-1 --certificate-fingerprint abcd":                                `--certificate-fingerprint "abcd": 4 hexadecimal digits: a SHA-256 fingerprint has 64`,
			"device set dev-1 --certificate-fingerprint " + strings.Repeat("ab:", 19) + "ab": "40 hexadecimal digits are a SHA-1 fingerprint",
			"device set dev-1 --certificate-fingerprint " + strings.Repeat("a", 63):          "63 hexadecimal digits: one is missing or too many",
			"device set dev-1 --certificate-fingerprint $E":                                  "--certificate-fingerprint is empty",
			"device set dev-1 --psk ffff":                                                    "--psk is generate or none",
		} {
			if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d: %s; want %q", line, status, errs, want)
			}
		}
	})
}

// A certificate that the server would refuse for its key is refused when it is put into a record.
func TestCertificateWithAShortKey(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	short := certtest.SelfSignedWith(t, "it", certtest.RSAOf(t, 1024))
	certtest.WritePEM(t, sh.path("short.pem"), "CERTIFICATE", short.Certificate...)
	status, _, errs := sh.run("device add dev-1 --profile meter --certificate $D/short.pem")
	if status != exitFailed || !strings.Contains(errs, "RSA key of 1024 bits; at least 2048 are asked for") {
		t.Errorf("status %d, %s", status, errs)
	}
	if status, _, _ := sh.run("device get dev-1"); status != exitFailed {
		t.Error("the device was added")
	}
}
