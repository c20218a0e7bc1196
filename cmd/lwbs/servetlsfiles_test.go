package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/cmd/lwbs/internal/input"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A pki is what an operator with certificates has in files.
type pki struct {
	ca, foreign            *certtest.Authority
	server                 tls.Certificate
	cert, key, roots, list string // files
}

func newPKI(t *testing.T) pki {
	t.Helper()
	p := pki{ca: certtest.NewAuthority(t, "Root"), foreign: certtest.NewAuthority(t, "Foreign")}
	p.server = p.ca.Server(t, "bs.example.com", certtest.P256(t))
	p.cert, p.key = certtest.WriteFiles(t, p.server)
	p.roots, p.list = filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "crl.pem")
	certtest.WritePEM(t, p.roots, "CERTIFICATE", p.ca.Certificate.Raw)
	p.revoke(t)
	return p
}

// revoke writes the list of revoked certificates.
func (p pki) revoke(t *testing.T, certificates ...tls.Certificate) {
	t.Helper()
	certtest.WritePEM(t, p.list, "X509 CRL", p.ca.Revoke(t, certificates...))
}

// options are those of lwbs serve.
func (p pki) options() []string {
	return []string{"--tls-cert", p.cert, "--tls-key", p.key, "--tls-client-ca", p.roots, "--tls-crl", p.list}
}

func filesOf(p pki) tlsFiles {
	return tlsFiles{certificates: []string{p.cert}, keys: []string{p.key}, cas: []string{p.roots}, lists: []string{p.list}}
}

func TestTLSFiles(t *testing.T) {
	p := newPKI(t)
	content, err := filesOf(p).load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(content.certificates) != 1 || !content.certificates[0].Leaf.Equal(p.server.Leaf) || len(content.all) != 2 {
		t.Errorf("%+v was read", content)
	}
	other, otherKey := certtest.WriteFiles(t, p.ca.Server(t, "other", certtest.P256(t)))
	open := filepath.Join(t.TempDir(), "open.pem")
	text, err := os.ReadFile(p.key)
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
	weak, weakKey := certtest.WriteFiles(t, p.ca.Server(t, "weak", small))
	foreign := filepath.Join(t.TempDir(), "foreign.pem")
	certtest.WritePEM(t, foreign, "X509 CRL", p.foreign.Revoke(t))

	tests := []struct {
		name   string
		change func(*tlsFiles)
		want   []string // in the error
	}{
		{"key of another", func(f *tlsFiles) { f.keys[0] = otherKey }, []string{p.cert, otherKey, "does not match"}},
		{"key that others read", func(f *tlsFiles) { f.keys[0] = open }, []string{"can be read by others (mode 0640): chmod 600 " + open}},
		{"weak key", func(f *tlsFiles) { f.certificates[0], f.keys[0] = weak, weakKey }, []string{weakKey, "less than 256 bits"}},
		{"no CA", func(f *tlsFiles) { f.cas[0] = other }, []string{other, "CN=other", "is no CA certificate"}},
		{"list of another CA", func(f *tlsFiles) { f.lists[0] = foreign }, []string{"CN=Foreign", "none of the CAs has signed it"}},
		{"no list", func(f *tlsFiles) { f.lists[0] = p.roots }, []string{p.roots, "no list of revoked certificates"}},
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

// A logText may be read while others write it.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Files that change are read again within seconds; what does not load is told once, and
// what was there before stays.
func TestTLSKeeper(t *testing.T) {
	p := newPKI(t)
	synctest.Test(t, func(t *testing.T) {
		var log logText
		k, err := newTLSKeeper(t.Context(), filesOf(p), slog.New(slog.NewTextHandler(&log, nil)), bootstrap.NewPanics(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		asked := make(chan os.Signal)
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.watch(ctx, asked)
		}()
		wait := func() {
			time.Sleep(lookEvery) // in the bubble, where it takes no time
			synctest.Wait()
		}
		shows := func(what string, want tls.Certificate) {
			t.Helper()
			if got := k.certificates(); len(got) != 1 || !got[0].Leaf.Equal(want.Leaf) {
				t.Errorf("%s: the server does not show %v", what, want.Leaf.Subject)
			}
		}
		said := func(what, text string, times int) {
			t.Helper()
			if n := strings.Count(log.String(), text); n != times {
				t.Errorf("%s: %q was logged %d times, want %d:\n%s", what, text, n, times, log.String())
			}
		}
		shows("at first", p.server)
		wait()
		said("nothing new", "certificates loaded", 1)

		second := p.ca.Server(t, "second.example.com", certtest.RSA(t))
		cert, key := certtest.WriteFiles(t, second)
		rename(t, cert, p.cert)
		wait()
		wait()
		shows("with the key missing", p.server)
		said("with the key missing", "certificates do not load", 1)
		rename(t, key, p.key)
		wait()
		shows("with the key", second)
		said("with the key", "certificates loaded", 2)

		asked <- syscall.SIGHUP
		synctest.Wait()
		said("when asked", "certificates loaded", 3)
		stop()
		<-done
	})
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// What is over, or will be admin.ExpiresSoon, is told when it is loaded.
func TestTLSKeeperWarns(t *testing.T) {
	p := newPKI(t)
	until := func(d time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = time.Now().Add(-100*time.Hour), time.Now().Add(d) }
	}
	for want, d := range map[string]time.Duration{
		"level=ERROR msg=\"a certificate has expired\" subject=\"CN=it\"":              -time.Hour,
		"level=WARN msg=\"a certificate expires soon\" subject=\"CN=it\"": admin.ExpiresSoon - time.Hour,
		"": admin.ExpiresSoon + time.Hour,
	} {
		var log bytes.Buffer
		files := filesOf(p)
		cert, key := certtest.WriteFiles(t, p.ca.Server(t, "it", certtest.P256(t), until(d)))
		files.certificates[0], files.keys[0] = cert, key
		k, err := newTLSKeeper(t.Context(), files, slog.New(slog.NewTextHandler(&log, nil)), bootstrap.NewPanics(slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), `subject="CN=it"`); got != (want != "") || !strings.Contains(log.String(), want) {
			t.Errorf("with %v left the log says\n%s", d, log.String())
		}
		if want := time.Now().Add(d); want.Before(p.ca.Certificate.NotAfter) && k.firstExpiry().Sub(want).Abs() > time.Minute {
			t.Errorf("with %v left the first to expire does so at %v", d, k.firstExpiry())
		}
	}
}

// come lets a device with a certificate bootstrap.
func (sh *shell) come(p pki, endpoint string, c tls.Certificate) error {
	sh.t.Helper()
	ctx, cancel := context.WithTimeout(sh.t.Context(), patience)
	defer cancel()
	_, err := sim.Run(ctx, sim.Config{
		Endpoint: lwm2m.EndpointName(endpoint),
		BootstrapServer: lwm2m.SecurityInstance{
			ServerURI: "coaps://" + sh.coaps, Mode: lwm2m.SecurityCertificate,
			PublicKeyOrIdentity: c.Certificate[0], ServerPublicKey: p.ca.Certificate.Raw,
		},
		Dial: func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) {
			return coap.DialDTLS(ctx, sh.coaps, coap.DialConfig{
				Handler: h, Certificate: &c, ServerCertificates: []*x509.Certificate{p.ca.Certificate}, ServerName: "bs.example.com",
			})
		},
	})
	return err
}

// Devices with certificates bootstrap beside those with keys; one that is revoked stays
// out from the next signal on, and the history says why.
func TestServeCertificates(t *testing.T) {
	p := newPKI(t)
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	named, lost := p.ca.Client(t, "meter-1"), p.ca.Client(t, "meter-2")
	pinned := certtest.SelfSigned(t, "whoever")
	sh.ok("device add urn:meter:1 --profile meter --certificate-name meter-1")
	sh.ok("device add urn:meter:2 --profile meter --certificate-name meter-2")
	sh.ok("device add urn:meter:3 --profile meter --certificate-fingerprint " + store.Fingerprint(pinned.Certificate[0]))
	sh.ok("device add urn:meter:4 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	sh.serve(p.options()...)

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

	p.revoke(t, lost)
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	sh.refused(p, lost)
	sh.await("why urn:meter:2", "certificate-revoked")
	contains(t, "failures", sh.ok("session list --failed"), "certificate-revoked", "certificate-name-mismatch")
}

// refused waits until a certificate no longer opens the server.
func (sh *shell) refused(p pki, c tls.Certificate) {
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

// Certificates and keys are taken however tools and editors write them.
func TestTLSFilesSpellings(t *testing.T) {
	p := newPKI(t)
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
	cert, key := read(p.cert), read(p.key)
	crlf := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, as := range map[string]func(string) string{
		"as it is":        func(s string) string { return s },
		"Windows":         crlf,
		"byte order mark": func(s string) string { return "\ufeff" + s },
		"UTF-16":          func(s string) string { return asUTF16(crlf(s), true) },
		"text around it":  func(s string) string { return "Bag Attributes\n" + s + "\nmore\n" },
		"DER":             der,
		"both in one":     func(s string) string { return strings.Replace(cert+key, s, "", 1) + s },
	} {
		c, err := input.Pair(t.Context(), write("c", as(cert)), write("k", as(key)))
		if err != nil || !c.Leaf.Equal(p.server.Leaf) {
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
