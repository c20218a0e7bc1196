package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/certtest"
	"lwbs/cmd/lwbs/internal/clitest"
)

func TestWebOptions(t *testing.T) {
	sh := newShell(t)
	for line, want := range map[string]string{
		"--web 8443":                 "is not an address",
		"--web 0.0.0.0:8443":         "is not on loopback: passwords and keys could be read on the way: add --web-tls-cert",
		"--web [::]:8443":            "is not on loopback",
		"--web example:8443":         "is not on loopback",
		"--web :0 --web-tls-cert a":  "belong together",
		"--web :0 --web-client-ca a": "needs --web-tls-cert",
		"--web-behind-proxy":         "is for --web, which is not there",
		"--web $E":                   "--web is empty",
		"--web :0 --web-tls-cert $D/x --web-tls-key x": "no such file",
	} {
		status, _, errs := sh.run("serve --coaps 127.0.0.1:0 " + line)
		if status == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q; want %q", line, status, errs, want)
		}
	}
	if _, err := os.Stat(sh.path("x.db")); err == nil {
		t.Error("a database was made")
	}
}

var webPages = regexp.MustCompile(`web pages at (\S+)/`)

// whoami asks a site who the client is; the status where it is no one.
func whoami(t *testing.T, client *http.Client, url, token string) (access.Principal, int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url+"/v1/principal", nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p access.Principal
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode == 200 {
		err = json.Unmarshal(body, &p)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return p, resp.StatusCode
}

// Off unless asked for; with --web on loopback without TLS, for tokens, and for no one else.
func TestServeWebOnLoopback(t *testing.T) {
	sh := newShell(t)
	token := strings.TrimSpace(sh.ok("token create ci --role viewer"))
	printed := sh.serve("--web", ":0")
	url := addressIn(printed, webPages)
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Fatalf("printed is %q", printed)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if p, status := whoami(t, client, url, token); status != 200 || p.Name != "ci" || p.Role != access.Viewer || p.Address != "127.0.0.1" {
		t.Errorf("it is %+v, status %d", p, status)
	}
	if _, status := whoami(t, client, url, ""); status != 401 {
		t.Errorf("without a token: status %d", status)
	}
	sh.ok("token revoke ci")
	if _, status := whoami(t, client, url, token); status != 401 {
		t.Errorf("with a revoked token: status %d", status)
	}
}

// Over TLS a client certificate authenticates its user, and certificates that are replaced are used.
func TestServeWebOverTLS(t *testing.T) {
	sh := newShell(t)
	sh.ok("user add ada --role engineer --no-password")
	ca, clients := certtest.NewAuthority(t, "web CA"), certtest.NewAuthority(t, "client CA")
	own := ca.Server(t, "localhost", certtest.P256(t))
	cert, key := certtest.WriteFiles(t, own)
	certtest.WritePEM(t, sh.path("clients.pem"), "CERTIFICATE", clients.Certificate.Raw)
	var log clitest.Log
	sh.serveLogging(&log, "--web", "127.0.0.1:0", "--web-tls-cert", cert, "--web-tls-key", key, "--web-client-ca", sh.path("clients.pem"))
	url := strings.Replace(addressIn(sh.printed, webPages), "127.0.0.1", "localhost", 1)
	if !strings.HasPrefix(url, "https://") {
		t.Fatalf("printed is %q", sh.printed)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca.Certificate)
	with := func(certificates ...tls.Certificate) *http.Client {
		return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: certificates}}}
	}
	ada := clients.Client(t, "ada")
	if p, status := whoami(t, with(ada), url, ""); status != 200 || p.Name != "ada" || p.Way != access.WayCertificate {
		t.Errorf("it is %+v, status %d", p, status)
	}
	for what, c := range map[string]*http.Client{"without a certificate": with(), "of a user that does not exist": with(clients.Client(t, "eve"))} {
		if p, status := whoami(t, c, url, ""); status != 401 {
			t.Errorf("%s: %+v, status %d", what, p, status)
		}
	}
	foreign := with(certtest.NewAuthority(t, "foreign CA").Client(t, "ada"))
	foreign.Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		c := certtest.NewAuthority(t, "foreign CA").Client(t, "ada")
		return &c, nil // whichever CAs the server names
	}
	if resp, err := foreign.Get(url + "/v1/principal"); err == nil {
		resp.Body.Close()
		if resp.StatusCode != 401 {
			t.Errorf("a certificate of a foreign CA: status %d", resp.StatusCode)
		}
	}
	sh.ok("user set ada --disable")
	if _, status := whoami(t, with(ada), url, ""); status != 401 {
		t.Errorf("a disabled user: status %d", status)
	}

	renewed := ca.Server(t, "localhost", certtest.P256(t))
	newCert, newKey := certtest.WriteFiles(t, renewed)
	for from, to := range map[string]string{newKey: key, newCert: cert} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	shown := func() []byte {
		c, err := tls.Dial("tcp", strings.TrimPrefix(url, "https://"), &tls.Config{RootCAs: roots})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Raw
	}
	for deadline := time.Now().Add(patience); !bytes.Equal(shown(), renewed.Certificate[0]); {
		if time.Now().After(deadline) {
			t.Fatalf("the former certificate is shown: %s", log.String())
		}
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			_ = p.Signal(syscall.SIGHUP)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
