package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/openid"
	"lwbs/bootstrap/admin/openid/issuertest"
	"lwbs/bootstrap/admin/web"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A visit is a browser at pages whose users log in at an issuer.
type visit struct {
	t      *testing.T
	rig    *rig
	site   string
	issuer *issuertest.Issuer
	client *http.Client
}

func newVisit(t *testing.T, does issuertest.Behaviour) *visit {
	t.Helper()
	v := &visit{t: t, rig: newRig(t), issuer: issuertest.New(t)}
	v.issuer.Set(does)
	issuer, err := openid.New(openid.Config{
		Issuer: v.issuer.URL, ClientID: issuertest.ClientID, ClientSecret: lwm2m.NewSecret([]byte(issuertest.ClientSecret)), Name: "Example Inc.",
		Roles: map[string]access.Role{"lwbs-admins": access.Admin},
	})
	check(t, err)
	users := access.New(access.Config{Store: v.rig.db, Terms: issuer.Terms()})
	pages := web.New(web.Config{API: v.rig.local, Log: v.rig.pages.Log, Access: users, OIDC: issuer})
	site := httptest.NewServer(pages)
	v.site = site.URL
	jar, err := cookiejar.New(nil)
	check(t, err)
	v.client = &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
	t.Cleanup(func() {
		site.Close()
		pages.Close()
		users.Close()
		issuer.Close()
	})
	return v
}

// ask returns the page that a request leads to in the end, and its path.
func (v *visit) ask(method, path string, form ...string) (body, at string, status int) {
	v.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	q, err := http.NewRequestWithContext(v.t.Context(), method, v.site+path, strings.NewReader(values.Encode()))
	check(v.t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := v.client.Do(q)
	check(v.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(v.t, err)
	return string(text), resp.Request.URL.RequestURI(), resp.StatusCode
}

// Whoever the issuer vouches for comes to the page that was asked for, is in the audit, and is logged out here and
// there.
func TestLogInAtAnIssuer(t *testing.T) {
	end := "https://idp.example/out"
	v := newVisit(t, issuertest.Behaviour{Metadata: map[string]any{"end_session_endpoint": end}})
	body, at, _ := v.ask("GET", "/devices?q=x")
	if !strings.Contains(body, "Log in with Example Inc.") || !strings.Contains(body, `href="/login/oidc?next=%2fdevices%3fq%3dx"`) || !strings.HasPrefix(at, "/login?") {
		t.Fatalf("%s: %s", at, body)
	}
	if body, at, _ := v.ask("GET", "/login/oidc?next=%2fdevices%3fq%3dx"); at != "/devices?q=x" || !strings.Contains(body, "Logged in as ada@example.com") {
		t.Fatalf("%s: %s", at, body)
	}
	if _, at, status := v.ask("GET", "/users"); status != http.StatusOK || at != "/users" {
		t.Errorf("an administrator is not let in: %d %s", status, at)
	}
	body, _, status := v.ask("POST", "/logout")
	if want := end + "?client_id=lwbs&amp;post_logout_redirect_uri="; status != http.StatusOK || !strings.Contains(body, `<meta http-equiv="refresh" content="0; url=`+want) || !strings.Contains(body, `<a href="`+want) {
		t.Errorf("%d %s", status, body)
	}
	if _, at, _ := v.ask("GET", "/users"); !strings.HasPrefix(at, "/login?") {
		t.Errorf("after the log-out: %s", at)
	}
	entries, err := v.rig.db.Audit(t.Context(), store.AuditQuery{Limit: 10, Name: "ada@example.com"})
	check(t, err)
	if len(entries) != 2 || entries[0].Action != "log-out" || entries[1].Action != "log-in" || entries[1].Way != access.WayOIDC || entries[1].Role != "admin" ||
		entries[1].Address != "127.0.0.1" || !strings.Contains(entries[1].Detail, v.issuer.URL+", subject 248289761001") {
		t.Errorf("the audit has %+v", entries)
	}
}

// An issuer that cannot be used is told of on the page, on which a password is still possible.
func TestIssuerThatIsDown(t *testing.T) {
	v := newVisit(t, issuertest.Behaviour{Down: true})
	body, _, status := v.ask("GET", "/login/oidc")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "Example Inc. cannot be used") || !strings.Contains(body, `name="password"`) {
		t.Errorf("%d %s", status, body)
	}
	if body, _, _ := v.ask("GET", "/login"); !strings.Contains(body, "Example Inc. could not be used: it does not answer as an issuer does, since 20") {
		t.Errorf("%s", body)
	}
}

// Refused log-ins say so, and are limited for each source.
func TestRefusedLogInsAtAnIssuer(t *testing.T) {
	v := newVisit(t, issuertest.Behaviour{Claims: map[string]any{"groups": nil, "email": "<b>@x"}})
	if body, _, status := v.ask("GET", "/login/oidc"); status != http.StatusUnauthorized || !strings.Contains(body, "&lt;b&gt;@x has no role here") {
		t.Errorf("%d %s", status, body)
	}
	for range 40 { // as a page of another site could have the browser do
		body, _, status := v.ask("GET", "/login/oidc/return?state=x&code=y")
		if status != http.StatusUnauthorized || !strings.Contains(body, "no such log-in under way") {
			t.Fatalf("%d %s", status, body)
		}
	}
	for range 40 {
		if _, _, status := v.ask("GET", "/login/oidc"); status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("one source can try without end")
}

// Without an issuer there is no way to one.
func TestNoIssuer(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/login/oidc", "/login/oidc/return"} {
		r.get(0, path).want(t, http.StatusNotFound)
	}
	var _ web.OIDC = (*openid.Provider)(nil)
}

// A file that a user of an issuer has tried is not that of the user of the same name who has a password.
func TestStagedFilesAreOfOnePrincipal(t *testing.T) {
	r := newRig(t)
	s := web.NewStaging()
	id := s.Put(access.WayOIDC+" ada", "keys")
	if s.Has(id, access.WayPassword+" ada") || !s.Has(id, access.WayOIDC+" ada") {
		t.Error("a file is shared")
	}
	r.tries.result = web.TableResult{Rejects: []byte("a reject")}
	page := r.upload(access.Engineer, "x.csv", "a\n")
	_, rest, _ := strings.Cut(page.body, `name="staged" value="`)
	staged, _, _ := strings.Cut(rest, `"`)
	for way, want := range map[string]int{"password": http.StatusOK, access.WayOIDC: http.StatusNotFound} {
		q := httptest.NewRequest("GET", "/import/rejects?staged="+staged, nil)
		ctx, cancel := context.WithTimeout(access.With(q.Context(), access.Principal{Name: "ada", Role: access.Engineer, Way: way}), time.Minute)
		defer cancel()
		w := httptest.NewRecorder()
		r.pages.ServeHTTP(w, q.WithContext(ctx))
		if w.Code != want {
			t.Errorf("%s: %d, want %d: %s", way, w.Code, want, page.main())
		}
	}
}
