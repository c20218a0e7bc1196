package site_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/server"
	"lwbs/bootstrap/admin/site"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A rig is a site with pages that echo, a user and a session.
type rig struct {
	*testing.T
	addr   string
	local  *admin.Local
	access *access.Manager
	cookie *http.Cookie
}

func newRig(t *testing.T) *rig {
	t.Helper()
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	r := &rig{T: t, local: &admin.Local{Store: db, Version: "v"}}
	r.access = access.New(access.Config{Store: db})
	t.Cleanup(r.access.Close)
	log := slog.New(slog.DiscardHandler)
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestTimeout)
			return
		}
		fmt.Fprintf(w, "page %s, %d bytes", r.URL.Path, n)
	})
	h := site.New(site.Config{API: server.New(r.local, log, nil), Access: r.access, Pages: pages})
	s := httptest.NewUnstartedServer(h)
	s.Listener = site.Limit(s.Listener, 8, 4)
	s.Start()
	t.Cleanup(s.Close)
	r.addr = s.Listener.Addr().String()
	if _, err := r.local.AddUser(t.Context(), "ada", admin.UserSettings{Role: new(access.Admin), Password: new(access.Plaintext("a right long password"))}); err != nil {
		t.Fatal(err)
	}
	if r.cookie, err = r.access.Login(t.Context(), "127.0.0.1", "ada", "a right long password"); err != nil {
		t.Fatal(err)
	}
	return r
}

// ask sends a request with headers, such as "Origin: x", and returns the answer.
func (r *rig) ask(method, path string, headers ...string) (*http.Response, string) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, "http://"+r.addr+path, nil)
	if err != nil {
		r.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.Fatal(err)
	}
	return resp, string(body)
}

// The API is under its paths, and the pages are everywhere else; each answer has the headers that tell browsers what
// to refuse.
func TestSite(t *testing.T) {
	r := newRig(t)
	cookie := "Cookie: " + r.cookie.String()
	for path, want := range map[string]string{
		"/": "page /", "/v1/principal": `"name":"ada"`, "/healthz": "ok", "/v1": "urn:lwbs:no-route", "/v1x": "page /v1x", "/debug/pprof/nope": "Unknown profile", "/devices/v1/status": "page /devices/v1/status",
	} {
		resp, body := r.ask("GET", path, cookie)
		if !strings.Contains(body, want) {
			t.Errorf("%s: status %d, %s", path, resp.StatusCode, body)
		}
		for _, name := range []string{"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy", "Cache-Control"} {
			if resp.Header.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
		if resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s permits other origins", path)
		}
	}
}

// A page of another site cannot have the browser of a user who is logged in change something.
func TestForgedOrigins(t *testing.T) {
	r := newRig(t)
	cookie, host := "Cookie: "+r.cookie.String(), r.addr
	for _, tt := range []struct {
		method  string
		headers []string
		refused bool
	}{
		{"DELETE", []string{"Sec-Fetch-Site: cross-site"}, true},
		{"DELETE", []string{"Sec-Fetch-Site: same-site"}, true},
		{"DELETE", []string{"Origin: https://evil.example"}, true},
		{"DELETE", []string{"Origin: null"}, true},
		{"DELETE", []string{"Origin: http://" + host + ".evil.example"}, true},
		{"DELETE", []string{"Origin: http://" + host, "Sec-Fetch-Site: cross-site"}, true},
		{"POST", []string{"Origin: https://evil.example", "X-HTTP-Method-Override: GET"}, true},
		{"POST", []string{"Sec-Fetch-Site: cross-site", "Content-Type: text/plain"}, true},
		{"DELETE", []string{"Sec-Fetch-Site: same-origin"}, false},
		{"DELETE", []string{"Sec-Fetch-Site: none"}, false},
		{"DELETE", []string{"Origin: http://" + host}, false},
		{"DELETE", nil, false}, // a program
		{"GET", []string{"Sec-Fetch-Site: cross-site"}, false},
	} {
		for _, path := range []string{"/v1/devices/nope", "/anything"} {
			resp, body := r.ask(tt.method, path, append([]string{cookie}, tt.headers...)...)
			if refused := resp.StatusCode == http.StatusForbidden; refused != tt.refused {
				t.Errorf("%s %s with %q: status %d, %s", tt.method, path, tt.headers, resp.StatusCode, body)
			}
		}
	}
}

// raw sends a request as it stands, and returns the status line of the answer; "closed" where there is none.
func (r *rig) raw(text string) string {
	r.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, text); err != nil {
		return "closed"
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return "closed"
	}
	return strings.TrimSpace(line)
}

// Huge and malformed heads are refused before anything is done with them.
func TestMalformedHeads(t *testing.T) {
	r := newRig(t)
	for what, text := range map[string]string{
		"a header of 2 MiB": "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n",
		"a path of 2 MiB":   "GET /" + strings.Repeat("x", 2<<20) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"two lengths":       "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"no host":           "GET / HTTP/1.1\r\n\r\n",
		"CONNECT":           "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"OPTIONS *":         "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		"another protocol":  "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	} {
		answer := r.raw(text)
		if what == "OPTIONS *" { // the standard library answers it
			continue
		}
		if answer != "closed" && !strings.Contains(answer, " 4") {
			t.Errorf("%s: %s", what, answer)
		}
	}
}

// A body that does not go on is given up, and one that goes on slowly is not.
func TestSlowBodies(t *testing.T) {
	defer site.SetStepTime(1500 * time.Millisecond)()
	r := newRig(t)
	head := "POST /page HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nConnection: close\r\n\r\n"
	if answer := r.raw(head + "abc"); !strings.Contains(answer, "408") {
		t.Errorf("a body that ends early: %s", answer)
	}
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := io.WriteString(c, head); err != nil {
		t.Fatal(err)
	}
	pause := time.NewTicker(200 * time.Millisecond) // 2 s in all, and each far below the limit
	defer pause.Stop()
	for i := range 10 {
		<-pause.C
		if _, err := c.Write([]byte{'a' + byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Errorf("a slow body: %s, %v", line, err)
	}
}

// Whoever opens many connections and says nothing displaces their own, and the others are served.
func TestSilentConnections(t *testing.T) {
	r := newRig(t)
	var held []net.Conn
	for range 20 { // the limit of an address is 4 here
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	if resp, body := r.ask("GET", "/healthz"); resp.StatusCode != 200 {
		t.Errorf("status %d, %s", resp.StatusCode, body)
	}
	_ = held[0].SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := held[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the oldest connection: %v", err)
	}
}
