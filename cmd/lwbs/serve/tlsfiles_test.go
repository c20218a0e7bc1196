package serve

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/bootstrap/certtest"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/cmd/lwbs/internal/input"
)

func filesOf(p clitest.PKI) tlsFiles {
	return tlsFiles{certificates: []string{p.Cert}, keys: []string{p.Key}, cas: []string{p.Roots}, lists: []string{p.List}}
}

func TestTLSFiles(t *testing.T) {
	p := clitest.NewPKI(t)
	content, err := filesOf(p).load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(content.certificates) != 1 || !content.certificates[0].Leaf.Equal(p.Server.Leaf) || len(content.all) != 2 {
		t.Errorf("%+v was read", content)
	}
	other, otherKey := certtest.WriteFiles(t, p.CA.Server(t, "other", certtest.P256(t)))
	open := filepath.Join(t.TempDir(), "open.pem")
	text, err := os.ReadFile(p.Key)
	if err == nil {
		err = os.WriteFile(open, text, 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, weakKey := certtest.WriteFiles(t, p.CA.Server(t, "weak", small))
	foreign := filepath.Join(t.TempDir(), "foreign.pem")
	certtest.WritePEM(t, foreign, "X509 CRL", p.Foreign.Revoke(t))

	tests := []struct {
		name   string
		change func(*tlsFiles)
		want   []string // in the error
	}{
		{"key of another", func(f *tlsFiles) { f.keys[0] = otherKey }, []string{p.Cert, otherKey, "does not match"}},
		{"key that others read", func(f *tlsFiles) { f.keys[0] = open }, []string{"can be read by others (mode 0640): chmod 600 " + open}},
		{"weak key", func(f *tlsFiles) { f.certificates[0], f.keys[0] = weak, weakKey }, []string{weakKey, "less than 256 bits"}},
		{"no CA", func(f *tlsFiles) { f.cas[0] = other }, []string{other, "CN=other", "is no CA certificate"}},
		{"list of another CA", func(f *tlsFiles) { f.lists[0] = foreign }, []string{"CN=Foreign", "none of the CAs has signed it"}},
		{"no list", func(f *tlsFiles) { f.lists[0] = p.Roots }, []string{p.Roots, "no list of revoked certificates"}},
		{"all missing", func(f *tlsFiles) { *f = tlsFiles{[]string{"a"}, []string{"b"}, []string{"c"}, []string{"d"}, nil} }, []string{"b: no such file", "c: no such file", "d: no such file"}},
	}
	for _, tt := range tests {
		files := filesOf(p)
		tt.change(&files)
		_, err := files.load(t.Context())
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		clitest.Contains(t, tt.name, err.Error(), tt.want...)
	}
}

// Certificates and keys are taken however tools and editors write them.
func TestTLSFilesSpellings(t *testing.T) {
	p := clitest.NewPKI(t)
	read := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	der := func(text string) string {
		block, _ := pem.Decode([]byte(text))
		return string(block.Bytes)
	}
	cert, key := read(p.Cert), read(p.Key)
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, as := range map[string]func(string) string{
		"as it is":        func(s string) string { return s },
		"Windows":         crlf,
		"byte order mark": func(s string) string { return "\ufeff" + s },
		"UTF-16":          func(s string) string { return clitest.UTF16(crlf(s), true) },
		"text around it":  func(s string) string { return "Bag Attributes\n" + s + "\nmore\n" },
		"DER":             der,
		"both in one":     func(s string) string { return strings.Replace(cert+key, s, "", 1) + s },
	} {
		c, err := input.Pair(t.Context(), write("c", as(cert)), write("k", as(key)))
		if err != nil || !c.Leaf.Equal(p.Server.Leaf) {
			t.Errorf("%s: %v", name, err)
		}
	}
	block, _ := pem.Decode([]byte(key))
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: block.Bytes}))
	for _, tt := range []struct{ name, cert, key, want string }{
		{"no certificate", "", key, "is no certificate in PEM or DER: it is empty"},
		{"no key", cert, "", "it is empty"},
		{"the wrong way round", key, cert, "it has PRIVATE KEY, and no CERTIFICATE"},
		{"a certificate for a key", cert, cert, "it has CERTIFICATE, and no private key"},
		{"an encrypted key", cert, encrypted, "it is encrypted: openssl pkey"},
		{"a certificate that is cut off", cert[:len(cert)/2], key, "the block of PEM in it is damaged"},
		{"a key that is cut off", cert, key[:len(key)-20], "the block of PEM in it is damaged"},
		{"PKCS #12", "0\x82\x0a\x00\x02\x01\x03\x30\x82", key, "it is PKCS #12: openssl pkcs12"},
		{"text", "no certificate", "no key", "it is no private key in PEM or DER"},
	} {
		_, err := input.Pair(t.Context(), write("c", tt.cert), write("k", tt.key))
		if err == nil {
			t.Errorf("%s: no error", tt.name)
			continue
		}
		clitest.Contains(t, tt.name, err.Error(), tt.want)
		clitest.Lacks(t, tt.name, err.Error(), "tls: ")
		clitest.Lacks(t, tt.name, err.Error(), "x509: ")
	}
	if _, err := input.Certificates(t.Context(), "/dev/zero"); err == nil || !strings.Contains(err.Error(), "has more than") {
		t.Errorf("a file without end: %v", err)
	}
}
