package lwm2m_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"testing"

	"lwbs/lwm2m"
)

func pemOf(typ string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})
}

// certificateOf is a certificate of a key, and the SubjectPublicKeyInfo in it.
func certificateOf(t *testing.T, key *ecdsa.PrivateKey) (spki, cert []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "dev-1"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	if spki, err = x509.MarshalPKIXPublicKey(key.Public()); err != nil {
		t.Fatal(err)
	}
	return spki, cert
}

// A private key is the same in every form in which tools write it.
func TestPrivateKeyDER(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err1 := x509.MarshalECPrivateKey(key)
	want, err2 := x509.MarshalPKCS8PrivateKey(key)
	large, err3 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	wantRSA, err := x509.MarshalPKCS8PrivateKey(large)
	if err != nil {
		t.Fatal(err)
	}
	_, cert := certificateOf(t, key)
	for name, tt := range map[string]struct{ in, want []byte }{
		"PKCS#8":                 {want, want},
		"SEC1":                   {sec1, want},
		"PKCS#1":                 {x509.MarshalPKCS1PrivateKey(large), wantRSA},
		"PKCS#8, PEM":            {pemOf("PRIVATE KEY", want), want},
		"SEC1, PEM":              {pemOf("EC PRIVATE KEY", sec1), want},
		"PKCS#1, PEM":            {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(large)), wantRSA},
		"as openssl ecparam has": {slices.Concat(pemOf("EC PARAMETERS", []byte{6, 1, 1}), pemOf("EC PRIVATE KEY", sec1)), want},
		"beside a certificate":   {slices.Concat(pemOf("CERTIFICATE", cert), []byte("# the key\n"), pemOf("PRIVATE KEY", want)), want},
		"with line ends of DOS":  {bytes.ReplaceAll(pemOf("PRIVATE KEY", want), []byte("\n"), []byte("\r\n")), want},
	} {
		if got, err := lwm2m.PrivateKeyDER(tt.in); err != nil || !bytes.Equal(got, tt.want) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("hush")})
	for name, tt := range map[string]struct {
		in   []byte
		want string
	}{
		"nothing":            {nil, "it is no private key"},
		"text":               {[]byte("hush"), "it is no private key"},
		"certificate":        {pemOf("CERTIFICATE", cert), "it has 0 private keys"},
		"two":                {slices.Concat(pemOf("PRIVATE KEY", want), pemOf("PRIVATE KEY", want)), "it has 2 private keys"},
		"encrypted":          {pemOf("ENCRYPTED PRIVATE KEY", []byte("hush")), "is encrypted: decrypt it first"},
		"encrypted, as once": {encrypted, "is encrypted: decrypt it first"},
		"cut off":            {pemOf("PRIVATE KEY", want)[:60], "it has 0 private keys"},
		"something else":     {pemOf("PRIVATE KEY", []byte("hush")), "it is no private key"},
	} {
		if _, err := lwm2m.PrivateKeyDER(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

func TestCertificateDER(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, cert := certificateOf(t, key)
	for name, in := range map[string][]byte{
		"DER": cert, "PEM": pemOf("CERTIFICATE", cert), "PEM, beside the key": slices.Concat(pemOf("PRIVATE KEY", private), pemOf("CERTIFICATE", cert)),
	} {
		if got, err := lwm2m.CertificateDER(in); err != nil || !bytes.Equal(got, cert) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, in := range map[string][]byte{
		"a chain": slices.Concat(pemOf("CERTIFICATE", cert), pemOf("CERTIFICATE", cert)), "a key": pemOf("PRIVATE KEY", private), "nothing": nil, "text": []byte("x"),
		"public key": pemOf("PUBLIC KEY", public), "bad": pemOf("CERTIFICATE", []byte("x")),
	} {
		if _, err := lwm2m.CertificateDER(in); err == nil {
			t.Errorf("%s is a certificate", name)
		}
	}
	for name, in := range map[string][]byte{"DER": public, "PEM": pemOf("PUBLIC KEY", public)} {
		if got, err := lwm2m.PublicKeyDER(in); err != nil || !bytes.Equal(got, public) {
			t.Errorf("public key, %s: %d bytes, %v", name, len(got), err)
		}
	}
	if _, err := lwm2m.PublicKeyDER(cert); err == nil {
		t.Error("a certificate is a public key")
	}
}
