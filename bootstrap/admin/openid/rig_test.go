package openid_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/openid"
	"lwbs/bootstrap/admin/openid/issuertest"
	"lwbs/lwm2m"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a site whose users log in at an issuer.
type rig struct {
	*testing.T
	issuer   *issuertest.Issuer
	provider *openid.Provider
	site     string
	log      *logText
}

// logText is what was logged.
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

// newRig starts an issuer that behaves so, and a site with the configuration that change makes.
func newRig(t *testing.T, b issuertest.Behaviour, change func(*openid.Config)) *rig {
	t.Helper()
	r := &rig{T: t, issuer: issuertest.New(t), log: new(logText)}
	r.issuer.Set(b)
	c := openid.Config{
		Issuer: r.issuer.URL, ClientID: issuertest.ClientID, ClientSecret: lwm2m.NewSecret([]byte(issuertest.ClientSecret)), Name: "the issuer",
		Roles:  map[string]access.Role{"lwbs-admins": access.Admin, "lwbs-viewers": access.Viewer},
		Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	if change != nil {
		change(&c)
	}
	var err error
	if r.provider, err = openid.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.provider.Close)
	mux := http.NewServeMux()
	mux.HandleFunc(openid.BeginPath, func(w http.ResponseWriter, q *http.Request) {
		if err := r.provider.Begin(w, q, q.FormValue("next")); err != nil {
			http.Error(w, "refused: "+err.Error(), http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc(openid.ReturnPath, func(w http.ResponseWriter, q *http.Request) {
		who, detail, next, err := r.provider.Finish(w, q, "192.0.2.7")
		if err != nil {
			http.Error(w, "refused: "+err.Error(), http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, "%s %s %s %s; %s; %s", who.Name, who.Role, who.Way, who.Address, detail, next)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	r.site = s.URL
	return r
}

// A browser keeps cookies and follows redirects.
type browser struct {
	*rig
	*http.Client
	seen []string // the addresses that it was led to
}

func (r *rig) browser() *browser {
	jar, _ := cookiejar.New(nil) // never fails
	b := &browser{rig: r, Client: &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}}
	b.CheckRedirect = func(q *http.Request, _ []*http.Request) error {
		b.seen = append(b.seen, q.URL.String())
		return nil
	}
	return b
}

// ask returns what is at an address in the end.
func (b *browser) ask(address string) string {
	b.Helper()
	q, err := http.NewRequestWithContext(b.Context(), "GET", address, nil)
	if err != nil {
		b.Fatal(err)
	}
	resp, err := b.Do(q)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(body))
}

// logIn begins a log-in, and returns how it ends.
func (b *browser) logIn() string {
	b.Helper()
	return b.ask(b.site + openid.BeginPath + "?next=" + url.QueryEscape("/devices?q=x"))
}

// wayBack is the address that the issuer sent the browser to last.
func (b *browser) wayBack() *url.URL {
	b.Helper()
	u, err := url.Parse(b.seen[len(b.seen)-1])
	if err != nil || u.Path != openid.ReturnPath {
		b.Fatalf("%v, %v", b.seen, err)
	}
	return u
}
