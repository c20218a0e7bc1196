package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web"
	"lwbs/store"
)

// Users and tokens are made with a secret that is shown once, changed, and removed.
func TestUsersPage(t *testing.T) {
	r := newRig(t)
	r.get(access.Admin, "/users").want(t, http.StatusOK, "There are no users yet", "There are no tokens yet", "lwbs user list")
	made := r.post(access.Admin, "/users", "name", "Bob", "role", "engineer", "note", "<b>")
	made.want(t, http.StatusOK, "The password of <strong>bob</strong> is", "It is shown this once")
	password := regexp.MustCompile(`class="mono copied secret">([^<]*)<`).FindStringSubmatch(made.body)[1]
	r.get(access.Admin, "/users").want(t, http.StatusOK, "bob", "&lt;b&gt;")
	r.get(access.Admin, "/users").without(t, password, "<b>")
	r.post(access.Admin, "/users", "name", "bob", "role", "viewer").want(t, http.StatusConflict, "bob", "exists")
	r.post(access.Admin, "/users", "name", "../x", "role", "viewer").want(t, http.StatusUnprocessableEntity)
	r.post(access.Admin, "/users", "name", "eve", "role", "root").want(t, http.StatusBadRequest)
	edit := func(status int, form ...string) answer {
		t.Helper()
		u, err := r.local.User(t.Context(), "bob")
		check(t, err)
		a := r.post(access.Admin, "/users/edit", append([]string{"name", "bob", "revision", fmt.Sprint(u.Revision)}, form...)...)
		a.want(t, status)
		return a
	}
	edit(http.StatusSeeOther, "do", "role", "role", "viewer")
	edit(http.StatusSeeOther, "do", "disable")
	edit(http.StatusOK, "do", "password").want(t, http.StatusOK, "The password of")
	edit(http.StatusBadRequest, "do", "promote")
	r.post(access.Admin, "/users/edit", "name", "bob", "revision", "1", "do", "enable").want(t, http.StatusPreconditionFailed, "Somebody else changed it")
	if u, err := r.local.User(t.Context(), "bob"); err != nil || u.Role != "viewer" || !u.Disabled {
		t.Errorf("%+v, %v", u, err)
	}
	token := r.post(access.Admin, "/tokens", "name", "ci", "role", "viewer", "for", "90d")
	token.want(t, http.StatusOK, "The token <strong>ci</strong> is", "Bearer")
	r.post(access.Admin, "/tokens", "name", "ci2", "role", "viewer", "for", "x").want(t, http.StatusBadRequest, "not a time")
	list, err := r.local.Tokens(t.Context())
	check(t, err)
	if len(list) != 1 || list[0].Expires.IsZero() {
		t.Fatalf("%+v", list)
	}
	r.post(access.Admin, "/tokens/revoke", "name", "ci", "revision", fmt.Sprint(list[0].Revision)).want(t, http.StatusSeeOther)
	r.get(access.Admin, "/users/delete?name=bob").want(t, http.StatusOK, "Delete 1 user?")
	edit(http.StatusSeeOther, "do", "delete")
	if all, err := r.local.Users(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// The audit tells who did what, page by page, and is taken home as JSON lines; what was revealed is in it.
func TestAuditPage(t *testing.T) {
	r := newRig(t)
	r.device("d", admin.DeviceSettings{})
	for i := range 60 {
		_, err := r.db.AppendAudit(t.Context(), store.AuditEntry{Name: []string{"ada", "<i>eve"}[i%2], Role: "engineer", Way: "password", Address: "192.0.2.1", Action: "device set", Target: fmt.Sprint("d", i), Detail: "note"})
		check(t, err)
	}
	first := r.get(access.Admin, "/audit?name=ada")
	first.want(t, http.StatusOK, "device set", "d58", "192.0.2.1", "lwbs audit list --name ada")
	first.without(t, "eve", "<i>")
	first = r.get(access.Admin, "/audit?action=device")
	next := regexp.MustCompile(`href="([^"]*)" rel="next"`).FindStringSubmatch(first.body)
	if next == nil {
		t.Fatal("there is no second page")
	}
	r.get(access.Admin, strings.ReplaceAll(next[1], "&amp;", "&")).want(t, http.StatusOK, ">d0<")
	lines := r.get(access.Admin, "/audit.jsonl?action=device&name=ada")
	lines.want(t, http.StatusOK)
	d, n := json.NewDecoder(bytes.NewBufferString(lines.body)), 0
	for ; ; n++ {
		var e store.AuditEntry
		if d.Decode(&e) != nil {
			break
		}
		if e.Name != "ada" {
			t.Errorf("%+v", e)
		}
	}
	if n != 30 {
		t.Errorf("%d lines", n)
	}
	for _, wrong := range []string{"before=x", "since=x"} {
		r.get(access.Admin, "/audit?"+wrong).want(t, http.StatusBadRequest)
	}
	r.get(access.Admin, "/audit?target=nothing").want(t, http.StatusOK, "Nothing was changed")
}

// Whoever has a password logs in, comes to where they wanted to go, and logs out; a cookie of before is no use then.
func TestLogIn(t *testing.T) {
	users := new(lateManager)
	r := newRig(t, users)
	users.Manager = access.New(access.Config{Store: r.db})
	t.Cleanup(users.Manager.Close)
	made, err := r.local.AddUser(t.Context(), "bob", admin.UserSettings{Role: new(access.Engineer), GeneratePassword: true})
	check(t, err)
	site := httptest.NewServer(r.pages)
	t.Cleanup(site.Close)
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(client.CloseIdleConnections)
	ask := func(method, path, cookie string, form url.Values) *http.Response {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, site.URL+path, strings.NewReader(form.Encode()))
		check(t, err)
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if cookie != "" {
			q.Header.Set("Cookie", cookie)
		}
		a, err := client.Do(q)
		check(t, err)
		a.Body.Close()
		return a
	}
	if a := ask("GET", "/devices?q=x", "", nil); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/login?next=%2Fdevices%3Fq%3Dx" {
		t.Fatalf("%d %s", a.StatusCode, a.Header.Get("Location"))
	}
	for name, password := range map[string]string{"bob": "wrong password", "eve": made.Password} {
		if a := ask("POST", "/login", "", url.Values{"name": {name}, "password": {password}}); a.StatusCode != http.StatusUnauthorized || len(a.Cookies()) != 0 {
			t.Errorf("%s: %d", name, a.StatusCode)
		}
	}
	a := ask("POST", "/login", "", url.Values{"name": {"bob"}, "password": {made.Password}, "next": {"/devices?q=x"}})
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/devices?q=x" || len(a.Cookies()) != 1 {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	if c := a.Cookies()[0]; !c.HttpOnly || c.SameSite == 0 || c.SameSite == http.SameSiteNoneMode {
		t.Errorf("the cookie is %v", c)
	}
	cookie := a.Cookies()[0].Name + "=" + a.Cookies()[0].Value
	for path, want := range map[string]int{"/": 200, "/add": 200, "/users": 403, "/audit": 403, "/profile/edit": 403} {
		if a := ask("GET", path, cookie, nil); a.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, a.StatusCode, want)
		}
	}
	if a := ask("POST", "/logout", cookie, nil); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/login?did=left" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	if a := ask("GET", "/", cookie, nil); a.StatusCode != http.StatusSeeOther {
		t.Errorf("a cookie of before the log-out: %d", a.StatusCode)
	}
}

// A lateManager gets its Manager when the database is there.
type lateManager struct{ *access.Manager }

// Guard implements [web.Access] with the manager as it is when a request comes.
func (m *lateManager) Guard(needed func(*http.Request) access.Role, h http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { m.Manager.Guard(needed, h, refuse).ServeHTTP(w, r) })
}

var _ web.Access = (*access.Manager)(nil)
