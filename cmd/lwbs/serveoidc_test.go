package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"lwbs/bootstrap/admin/openid/issuertest"
	"lwbs/cmd/lwbs/internal/clitest"
	"lwbs/store"
)

// Mistakes in the settings of OIDC are told before a database is made.
func TestOIDCOptions(t *testing.T) {
	sh := newShell(t)
	sh.write("oidc.yaml", "issuer: https://idp.example\nclient: lwbs\n")
	for line, want := range map[string]string{
		"--oidc $D/oidc.yaml":           "--oidc is for --web, which is not there",
		"--web :0 --oidc $E":            "--oidc is empty",
		"--web :0 --oidc $D/nosuch":     "--oidc: read settings of OIDC",
		"--web :0 --oidc $D/oidc.yaml ": `oidc.yaml: line 2: unknown field "client"`,
	} {
		if status, _, errs := sh.run("serve --coaps 127.0.0.1:0 " + line); status == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q; want %q", line, status, errs, want)
		}
	}
}

// People log in at the issuer of --oidc; neither the log nor the audit has the secret, and the session ends when the
// server is started without the issuer.
func TestServeOIDC(t *testing.T) {
	sh, issuer := newShell(t), issuertest.New(t)
	sh.write("secret", issuertest.ClientSecret+"\n")
	sh.write("oidc.yaml", fmt.Sprintf("issuer: %s\nclientID: %s\nclientSecretFile: secret\nroles:\n  lwbs-admins: admin\n", issuer.URL, issuertest.ClientID))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(url string) string {
		t.Helper()
		resp, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	var log clitest.Log
	stop := sh.serveLogging(&log, "--web", "127.0.0.1:0", "--oidc", sh.path("oidc.yaml"), "--log", "debug")
	url := addressIn(sh.printed, webPages)
	contains(t, "after the log-in", ask(url+"/login/oidc?next=/users"), "Users and tokens", "ada@example.com")
	contains(t, "the API", ask(url+"/v1/principal"), `"ada@example.com"`, `"admin"`, `"oidc"`)
	var entry store.AuditEntry
	if err := json.Unmarshal([]byte(sh.ok("audit list --json --action log-in")), &entry); err != nil || entry.Name != "ada@example.com" || entry.Way != "oidc" {
		t.Errorf("the audit has %+v, %v", entry, err)
	}
	stop()
	contains(t, "log", log.String(), "log-in", "way=oidc")
	lacks(t, "log", log.String(), issuertest.ClientSecret)
	lacks(t, "log", log.String(), "eyJ") // a token

	stop = sh.serveLogging(&log, "--web", strings.TrimPrefix(url, "http://"), "--oidc", sh.path("oidc.yaml"))
	contains(t, "after a restart", ask(url+"/v1/principal"), `"ada@example.com"`)
	stop()
	sh.serveLogging(&log, "--web", strings.TrimPrefix(url, "http://"))
	contains(t, "without the issuer", ask(url+"/v1/principal"), "urn:lwbs:unauthenticated", "log in again")
}
