package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"

	"lwbs/store"
)

// deviceKey writes the key of a device, and a certificate for it, in the forms that tools
// write: NAME.p8, .p8.pem, .sec1, .sec1.pem, .crt, .crt.pem, .pub.pem. It returns the
// certificate.
func (sh *shell) deviceKey(name string) []byte {
	sh.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		sh.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	cert, err1 := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	p8, err2 := x509.MarshalPKCS8PrivateKey(key)
	sec1, err3 := x509.MarshalECPrivateKey(key)
	pub, err4 := x509.MarshalPKIXPublicKey(key.Public())
	if err1 != nil || err2 != nil || err3 != nil || err4 != nil {
		sh.t.Fatal(err1, err2, err3, err4)
	}
	for suffix, form := range map[string]struct {
		typ string
		der []byte
	}{"p8": {"PRIVATE KEY", p8}, "sec1": {"EC PRIVATE KEY", sec1}, "crt": {"CERTIFICATE", cert}, "pub": {"PUBLIC KEY", pub}} {
		sh.write(name+"."+suffix, string(form.der))
		sh.write(name+"."+suffix+".pem", string(pem.EncodeToMemory(&pem.Block{Type: form.typ, Bytes: form.der})))
	}
	return cert
}

func (sh *shell) read(name string) []byte {
	sh.t.Helper()
	b, err := os.ReadFile(sh.path(name))
	if err != nil {
		sh.t.Fatal(err)
	}
	return b
}

// One profile serves a fleet in which each device has a certificate of its own, in a
// variable or in its record, with its key in any form.
func TestCertificatesPerDevice(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		const profile = `name: NAME
accounts:
  - name: main
    uri: coaps://dm.example:5684
    shortServerID: 101
    security: MODE
    key: supplied
    matchingType: 1
    serverPublicKey: "hex:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
`
		sh.write("var.yaml", strings.NewReplacer("NAME", "var", "MODE", "certificate").Replace(profile)+"    securityResources: {3: \"hex:{{.Vars.cert}}\"}\n")
		sh.write("x509.yaml", strings.NewReplacer("NAME", "x509", "MODE", "certificate").Replace(profile))
		sh.write("rpk.yaml", strings.NewReplacer("NAME", "rpk", "MODE", "rpk").Replace(profile))
		for _, name := range []string{"var", "x509", "rpk"} {
			if status, out, errs := sh.run("profile apply -f $D/" + name + ".yaml"); status != exitDone || errs != "" {
				t.Fatalf("apply %s: %s%s", name, out, errs)
			}
		}
		cert := sh.deviceKey("d")
		sh.write("empty", "")
		sh.deviceKey("e")
		both := string(sh.read("d.p8.pem")) + string(sh.read("d.crt.pem"))
		sh.write("d.both.pem", both)
		sh.write("d.chain.pem", string(sh.read("d.crt.pem"))+string(sh.read("e.crt.pem")))

		good := map[string]string{
			"v1": "--profile var --var cert=" + hex.EncodeToString(cert) + " --account-key-file main=$D/d.p8 --account-key-format binary",
			"v2": "--profile var --var cert=" + hex.EncodeToString(cert) + " --account-key-file main=$D/d.sec1.pem",
			"c1": "--profile x509 --account-certificate-file main=$D/d.crt --account-key-file main=$D/d.sec1 --account-key-format binary",
			"c2": "--profile x509 --account-certificate-file main=$D/d.crt.pem --account-key-file main=$D/d.p8.pem",
			"c3": "--profile x509 --account-certificate-file main=$D/d.both.pem --account-key-file main=$D/d.both.pem",
			"r1": "--profile rpk --account-key-file main=$D/d.p8.pem",
			"r2": "--profile rpk --account-certificate-file main=$D/d.pub.pem --account-key-file main=$D/d.sec1.pem",
		}
		for name, options := range good {
			out := sh.ok("device add " + name + " --psk generate " + options)
			lacks(t, name, out, "PRIVATE")
			d := sh.ok("device get --json --reveal " + name)
			contains(t, name, d, hex.EncodeToString(sh.read("d.p8"))) // whatever the form was
		}
		contains(t, "get", sh.ok("device get c1"), "certificate or public key "+store.Fingerprint(cert))
		for options, want := range map[string]string{
			"--profile x509 --account-key-file main=$D/d.p8.pem":                                                "the certificate of account \"main\" is to be supplied, and the device has none: --account-certificate-file main=FILE",
			"--profile x509 --account-certificate-file main=$D/d.crt":                                           "the key of account \"main\" is to be supplied",
			"--profile x509 --account-certificate-file main=$D/d.crt --account-key-file main=$D/e.p8.pem":       "private key does not belong to Resource 3",
			"--profile x509 --account-certificate-file main=$D/d.pub.pem --account-key-file main=$D/d.p8.pem":   `certificate of account "main": it has 0 blocks with a certificate`,
			"--profile x509 --account-certificate-file main=$D/d.chain.pem --account-key-file main=$D/d.p8.pem": `certificate of account "main": it has 2 blocks with a certificate`,
			"--profile x509 --account-certificate-file main=$D/d.crt --account-key-file main=$D/key.hex":        `key of account "main": it is no private key in PKCS#8, SEC1 or PKCS#1`,
			"--profile rpk --account-certificate-file main=$D/e.pub --account-key-file main=$D/d.p8.pem":        "private key does not belong to Resource 3",
			"--profile var --account-key-file main=$D/d.p8.pem":                                                 `the device has no variable "cert": --var cert=VALUE`,
			"--profile var --var cert=3082 --account-key-file main=$D/d.p8.pem":                                 "client certificate is not an X.509 certificate in DER",
			"--profile x509 --account-certificate-file main=$D/d.crt --account-certificate-file=main=$D/e.crt":  "is given twice",
			"--profile x509 --account-certificate-file main=$D/nothing --account-key-file main=$D/d.p8.pem":     "no such file",
			"--profile x509 --account-certificate-file main=$D/empty --account-key-file main=$D/d.p8.pem":       "certificate of account main in $D/empty is empty",
		} {
			status, _, errs := sh.run("device add x --psk generate " + options)
			if status == exitDone || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d, %swant %s", options, status, errs, want)
			}
			lacks(t, options, errs, "BEGIN")
		}
		if status, _, errs := sh.run("device set c1 --account-certificate-file main="); status != exitFailed {
			t.Errorf("a certificate that is needed is removed: status %d, %s", status, errs)
		}
	})
}
