package web_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/audit"
	"lwbs/bootstrap/admin/openid/issuertest"
	"lwbs/bootstrap/admin/web"
	"lwbs/store"
)

// A user changes an own password, for the old one: the browser stays logged in with another cookie, all others are logged
// out, and the audit tells of it, without the password.
func TestChangeOwnPassword(t *testing.T) {
	v := newVisit(t, issuertest.Behaviour{})
	users := access.New(access.Config{Store: v.rig.db})
	pages := web.New(web.Config{API: audit.New(v.rig.local, v.rig.db, access.Principal{}), Log: v.rig.pages.Log, Access: users})
	site := httptest.NewServer(pages)
	t.Cleanup(func() {
		site.Close()
		pages.Close()
		users.Close()
	})
	v.site = site.URL
	const old, fresh = "an old long password", "a fresh long password"
	_, err := v.rig.local.AddUser(t.Context(), "ada", admin.UserSettings{Role: new(access.Viewer), Password: new(access.Plaintext(old))})
	check(t, err)
	logIn := func() *visit {
		t.Helper()
		other := *v
		jar, err := cookiejar.New(nil)
		check(t, err)
		other.client = &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}
		if body, at, _ := other.ask("POST", "/login", "name", "ada", "password", old); at != "/" || !strings.Contains(body, `href="/password"`) {
			t.Fatalf("%s: %s", at, body)
		}
		return &other
	}
	here, elsewhere := logIn(), logIn()
	for _, tt := range []struct {
		old, fresh, again, want string
		status                  int
	}{
		{"a wrong password", fresh, fresh, "the old password is wrong", http.StatusForbidden},
		{old, fresh, "another one that is long", "differ", http.StatusUnprocessableEntity},
		{old, "short", "short", "has 5 characters", http.StatusUnprocessableEntity},
		{old, old, old, "is the old one", http.StatusUnprocessableEntity},
	} {
		body, _, status := here.ask("POST", "/password", "old", tt.old, "new", tt.fresh, "again", tt.again)
		if status != tt.status || !strings.Contains(body, tt.want) || strings.Contains(body, fresh) {
			t.Errorf("%d, want %d and %q: %s", status, tt.status, tt.want, body)
		}
	}
	if body, at, status := here.ask("POST", "/password", "old", old, "new", fresh, "again", fresh); status != http.StatusOK || at != "/?did=password" || !strings.Contains(body, "Your password is changed") {
		t.Fatalf("%d %s: %s", status, at, body)
	}
	if _, at, _ := here.ask("GET", "/devices"); at != "/devices" {
		t.Errorf("the browser is logged out: %s", at)
	}
	if _, at, _ := elsewhere.ask("GET", "/devices"); !strings.HasPrefix(at, "/login?") {
		t.Errorf("another browser is still logged in: %s", at)
	}
	entries, err := v.rig.db.Audit(t.Context(), store.AuditQuery{Name: "ada", Limit: 2})
	check(t, err)
	if len(entries) != 2 || entries[0].Action != "log-in" || entries[0].Detail != "after another password" || entries[1].Action != "user password" || entries[1].Target != "ada" || entries[1].Detail != "" {
		t.Errorf("the audit has %+v", entries)
	}
	for range 10 {
		if _, _, status := here.ask("POST", "/password", "old", "a wrong password", "new", old, "again", old); status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("the old password can be guessed without end")
}

// Whoever has no password here has nothing to change, also where a user has the same name.
func TestNoPasswordToChange(t *testing.T) {
	r := newRig(t)
	_, err := r.local.AddUser(t.Context(), "ada", admin.UserSettings{Role: new(access.Viewer), Password: new(access.Plaintext("an old long password"))})
	check(t, err)
	for _, way := range []string{access.WayOIDC, access.WayToken, access.WayCertificate} {
		for _, method := range []string{"GET", "POST"} {
			q := httptest.NewRequest(method, "/password", strings.NewReader("old=an+old+long+password&new=a+fresh+long+password&again=a+fresh+long+password"))
			q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			w := httptest.NewRecorder()
			r.pages.ServeHTTP(w, q.WithContext(access.With(q.Context(), access.Principal{Name: "ada", Role: access.Admin, Way: way})))
			if w.Code != http.StatusForbidden {
				t.Errorf("%s by %s: %d", method, way, w.Code)
			}
		}
	}
}
