package web_test

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web"
	"lwbs/lwm2m"
	"lwbs/store"
)

// inline are what the Content-Security-Policy does not permit: scripts, styles and handlers in the page itself.
// Values of attributes are taken out before.
var (
	inline = regexp.MustCompile(`(?i)<script(?:\s[^>]*)?>\s*[^<\s]|<style|<[a-z][^<>]*\s(?:on[a-z]+|style)=`)
	values = regexp.MustCompile(`="[^"]*"`)
	leads  = regexp.MustCompile(`(?i)\s(?:href|src|action)="(?:[a-z]+:|//|&#34;|&#39;)`)
)

// inlineIn is what a page has of it; empty for nothing.
func inlineIn(page string) string {
	return cmp.Or(leads.FindString(page), inline.FindString(values.ReplaceAllString(page, `=""`)))
}

// evil are names and texts that an attacker would choose.
var evil = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</textarea><svg onload=alert(1)>`,
	`javascript:alert(1)`, `{{.Who.Name}}&lt;b&gt;`, `../../etc/passwd`, `%2e%2e%2f`, `=HYPERLINK("http://x")`,
}

// What devices and people call themselves and write is text on every page, and nothing else.
func TestInjectedMarkup(t *testing.T) {
	r := newRig(t)
	for _, text := range evil {
		d := r.device(lwm2m.EndpointName(text), admin.DeviceSettings{Note: &text, Tags: &[]string{strings.ReplaceAll(text, " ", "_")}, Vars: map[string]string{"v": text}})
		id := r.attempt(store.Session{
			Endpoint: d.Endpoint, Claimed: lwm2m.EndpointName("as " + text), Known: true, Proof: store.ProofIdentity, Identity: text, Stage: store.StageWrite,
			Cause: store.CauseRefused, Detail: text, Links: text, Quirks: []string{text}, Notes: []string{text},
			Operations: []store.Operation{{Op: lwm2m.OpWrite, Code: lwm2m.CodeBadRequest, Diagnostic: text, Took: time.Millisecond}, {Op: lwm2m.OpWrite, Error: text}},
		})
		r.attempt(store.Session{Endpoint: lwm2m.EndpointName("unknown " + text), Identity: text, Proof: store.ProofNone, Stage: store.StageRequest, Cause: store.CauseEndpointUnknown, Remote: text})
		for _, path := range []string{
			"/devices?q=" + query(text), "/devices?tag=" + query(text), "/device?name=" + query(text), "/device?name=" + query("no "+text), "/device/delete?name=" + query(text),
			"/device/label?name=" + query(text), "/session?id=" + id, "/session?id=" + query(text), "/profile?name=" + query(text), "/devices?state=" + query(text),
			"/devices?seen=" + query(text), "/add?name=" + query(text), "/import/rejects?staged=" + query(text), "/login?next=" + query(text), "/" + strings.ReplaceAll(query(text), "+", "%20"),
		} {
			a := r.get(access.Admin, path)
			if found := inlineIn(a.body); found != "" {
				t.Errorf("%s has %q", path, found)
			}
			if a.status >= 500 {
				t.Errorf("%s: %d", path, a.status)
			}
		}
		for _, form := range [][]string{
			{"/add", "endpoint", "new " + text, "profile", text, "identity", text, "tags", text, "note", text, "way", text},
			{"/add", "endpoint", "added " + text, "profile", "p", "note", text, "way", "psk"},
			{"/device/reveal", "name", text},
			{"/devices/bulk", "action", "tag", "tag-value", text, "pick", "1:" + text},
			{"/devices/bulk", "action", text, "pick", text},
			{"/profile/edit", "yaml", text, "name", text, "revision", text},
			{"/profile/check", "yaml", "name: " + text, "name", text},
			{"/pending/approve", "id", text, "endpoint", text, "profile", text},
		} {
			a := r.post(access.Admin, form[0], form[1:]...)
			if found := inlineIn(a.body); found != "" {
				t.Errorf("%s %q has %q", form[0], form[1:], found)
			}
			if a.status >= 500 {
				t.Errorf("%s %q: %d", form[0], form[1:], a.status)
			}
		}
	}
	for _, path := range []string{"/", "/devices", "/live", "/devices?state=failed", "/profiles"} {
		a := r.get(access.Admin, path)
		if found := inlineIn(a.body); found != "" || a.status != http.StatusOK {
			t.Errorf("%s: %d, has %q", path, a.status, found)
		}
	}
	for _, line := range strings.Split(r.log.String(), "\n") {
		if strings.Contains(line, "page failed") {
			t.Errorf("the log has %s", line)
		}
	}
}

// A command that a page offers for a shell has each name as one word, and as no option.
func TestCommandsOfPagesAreQuoted(t *testing.T) {
	for want, words := range map[string][]any{
		`lwbs why urn:imei:490154203237518`:       {"lwbs", "why", lwm2m.EndpointName("urn:imei:490154203237518")},
		`lwbs why 'a b'`:                          {"lwbs", "why", lwm2m.EndpointName("a b")},
		`lwbs why '$(reboot)'`:                    {"lwbs", "why", lwm2m.EndpointName("$(reboot)")},
		`lwbs why 'x'\''; rm -rf ~; '\'''`:        {"lwbs", "why", lwm2m.EndpointName("x'; rm -rf ~; '")},
		`lwbs why -- --db=/tmp/x`:                 {"lwbs", "why", lwm2m.EndpointName("--db=/tmp/x")},
		`lwbs why '~root'`:                        {"lwbs", "why", lwm2m.EndpointName("~root")},
		`lwbs device list --tag ''`:               {"lwbs", "device", "list", "--tag", ""},
		`lwbs profile diff p 1 2`:                 {"lwbs", "profile", "diff", "p", store.Revision(1), 2},
		`lwbs why 'a;b' `[:len("lwbs why 'a;b'")]: {"lwbs", "why", "a;b"},
		"lwbs why '`id`'":                         {"lwbs", "why", "`id`"},
	} {
		if got := web.ShellCommand(words...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Forms that are larger than their page takes are refused, and no memory is spent on them.
func TestHugeForms(t *testing.T) {
	r := newRig(t)
	for _, page := range web.Table() {
		method, path, _ := strings.Cut(page.Pattern, " ")
		if method != http.MethodPost || path == "/import" {
			continue
		}
		q := httptest.NewRequest(method, path, io.MultiReader(strings.NewReader("name="), io.LimitReader(letters{}, page.MaxBody+1)))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.do(access.Admin, q).want(t, http.StatusRequestEntityTooLarge, "bytes")
	}
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("file", "x.csv")
	check(t, err)
	_, err = io.Copy(part, io.LimitReader(letters{}, web.MaxTable+1<<20))
	check(t, err)
	check(t, m.Close())
	q := httptest.NewRequest(http.MethodPost, "/import", &form)
	q.Header.Set("Content-Type", m.FormDataContentType())
	r.do(access.Admin, q).want(t, http.StatusRequestEntityTooLarge)
	// A form of very many values, and one that is none.
	many := httptest.NewRequest(http.MethodPost, "/device/edit", strings.NewReader(strings.Repeat("a&", 8000)))
	many.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.do(access.Admin, many).want(t, http.StatusBadRequest)
	wrong := httptest.NewRequest(http.MethodPost, "/device/edit", strings.NewReader("%zz"))
	wrong.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.do(access.Admin, wrong).want(t, http.StatusBadRequest)
}

type letters struct{}

func (letters) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

// Addresses that try to leave the site, or the files of the pages, lead nowhere.
func TestPathsOfPages(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/assets/x/../../web.go", "/assets/x/..%2f..%2fweb.go", "/assets/x/%2e%2e", "/assets//style.css", "/assets/x/style.css/", "/templates/layout.html", "//evil.example/", "/..;/device", "/.git/config", "/v1/devices"} {
		a := r.get(access.Admin, path)
		if a.status == http.StatusOK || strings.Contains(a.body, "package web") || strings.Contains(a.body, `{{define`) {
			t.Errorf("%s: %d %.100s", path, a.status, a.body)
		}
		if to := a.header.Get("Location"); to != "" && (!strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//")) {
			t.Errorf("%s leads to %s", path, to)
		}
	}
	for text, want := range map[string]string{
		"/devices?q=a%20b": "/devices?q=a%20b", "/": "/", "": "/", "//evil.example": "/", "https://evil.example/": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"javascript:alert(1)": "/", "/login?next=/": "/", "/%0d%0aX: y": "/%0D%0AX:%20y", "devices": "/", "/device?name=%2F%2Fevil": "/device?name=%2F%2Fevil",
	} {
		if got := web.NextOf(text); got != want {
			t.Errorf("after the log-in %q leads to %q, want %q", text, got, want)
		}
	}
}

// Forms of other sites change nothing.
func TestForeignOrigin(t *testing.T) {
	r := newRig(t)
	d := r.device("d", admin.DeviceSettings{})
	for name, header := range map[string][2]string{
		"another site":     {"Sec-Fetch-Site", "cross-site"},
		"a sister":         {"Sec-Fetch-Site", "same-site"},
		"another origin":   {"Origin", "https://evil.example"},
		"an opaque origin": {"Origin", "null"},
	} {
		q := httptest.NewRequest(http.MethodPost, "/device/delete", strings.NewReader(fmt.Sprintf("name=d&revision=%d", d.Revision)))
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set(header[0], header[1])
		t.Log(name)
		r.do(access.Admin, q).want(t, http.StatusForbidden, "another site")
	}
	if _, err := r.local.Device(t.Context(), "d", false); err != nil {
		t.Errorf("the device: %v", err)
	}
}

// All that is sent has headers that browsers obey.
func TestHeadersOfPages(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/", "/nowhere", "/device?name=x", web.AssetURL("style.css"), "/login"} {
		h := r.get(access.Viewer, path).header
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Frame-Options") != "DENY" || h.Get("Referrer-Policy") == "" {
			t.Errorf("%s: %v", path, h)
		}
		if kept := h.Get("Cache-Control"); (kept == "no-store") == strings.HasPrefix(path, "/assets/") {
			t.Errorf("%s: Cache-Control %q", path, kept)
		}
	}
}

// A page with secrets is not compressed beside texts of others, and is kept nowhere.
func TestPageWithSecrets(t *testing.T) {
	r := newRig(t)
	r.device("d", admin.DeviceSettings{})
	q := httptest.NewRequest(http.MethodPost, "/device/reveal", strings.NewReader("name=d"))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Accept-Encoding", "gzip")
	a := r.do(access.Admin, q)
	full, err := r.local.Device(t.Context(), "d", true)
	check(t, err)
	a.want(t, http.StatusOK, full.Credentials[0].Key, full.Accounts["main"].Key)
	if a.header.Get("Content-Encoding") != "" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", a.header)
	}
	if strings.Contains(a.body, "data-renew") {
		t.Error("a page with keys is fetched anew")
	}
}
