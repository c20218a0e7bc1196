package web_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web"
)

// Every page is refused to those whose role is too low, and to no one in particular, and nothing is changed.
func TestRolesOfPages(t *testing.T) {
	r := newRig(t)
	r.device("d", admin.DeviceSettings{})
	before, err := r.local.Device(t.Context(), "d", true)
	check(t, err)
	for _, page := range web.Table() {
		method, path, _ := strings.Cut(page.Pattern, " ")
		path = strings.TrimSuffix(path, "{$}")
		for _, role := range []access.Role{0, access.Viewer, access.Engineer, access.Admin} {
			if role >= page.Role {
				continue
			}
			want := http.StatusForbidden
			if role == 0 {
				if want = http.StatusSeeOther; method != http.MethodGet || path == "/events" {
					want = http.StatusUnauthorized
				}
			}
			a := r.do(role, httptest.NewRequest(method, path+"?name=d", nil))
			if a.status != want {
				t.Errorf("%s as %q: %d, want %d", page.Pattern, role, a.status, want)
			}
			if role == 0 && want == http.StatusSeeOther && !strings.HasPrefix(a.header.Get("Location"), "/login?next=%2F") {
				t.Errorf("%s leads to %s", page.Pattern, a.header.Get("Location"))
			}
			if strings.Contains(a.body, before.Credentials[0].Key) {
				t.Errorf("%s as %q shows a key", page.Pattern, role)
			}
		}
	}
	if after, err := r.local.Device(t.Context(), "d", true); err != nil || after.Revision != before.Revision {
		t.Errorf("the device is now %+v, %v", after, err)
	}
}

// What a role may not do is not shown to it.
func TestPagesShowWhatARoleMayDo(t *testing.T) {
	r := newRig(t)
	r.device("d", admin.DeviceSettings{})
	for path, parts := range map[string]map[string]access.Role{
		"/":                {`href="/add"`: access.Engineer},
		"/devices":         {`name="pick"`: access.Engineer, `action="/devices/bulk"`: access.Viewer, `name="action"`: access.Engineer},
		"/device?name=d":   {`action="/device/edit"`: access.Engineer, "/device/delete?": access.Engineer, `action="/device/reveal"`: access.Admin},
		"/profiles":        {`href="/profile/edit"`: access.Admin},
		"/profile?name=p":  {"/profile/edit?": access.Admin},
		"/device?name=new": {"/add?": access.Engineer},
	} {
		for _, role := range []access.Role{access.Viewer, access.Engineer, access.Admin} {
			page := r.get(role, path)
			for part, needs := range parts {
				if got := strings.Contains(page.body, part); got != (role >= needs) {
					t.Errorf("%s as %v: %q is there: %v", path, role, part, got)
				}
			}
		}
	}
}
