package access_test

import (
	"encoding/json"
	"testing"

	"lwbs/bootstrap/admin/access"
)

// A role may do what a lower one may, and nothing that needs a higher one.
func TestRolesAreOrdered(t *testing.T) {
	for i, r := range access.Roles {
		for j, least := range access.Roles {
			if got := r.Allows(least); got != (i >= j) {
				t.Errorf("%v may do what needs %v: %v", r, least, got)
			}
		}
		if !r.Allows(0) || access.Role(0).Allows(r) {
			t.Errorf("no role and %v are confused", r)
		}
	}
}

func TestRoleNames(t *testing.T) {
	for _, r := range access.Roles {
		b, err := json.Marshal(r)
		var again access.Role
		if err == nil {
			err = json.Unmarshal(b, &again)
		}
		if err != nil || again != r {
			t.Errorf("%v became %s and %v: %v", r, b, again, err)
		}
	}
	for _, name := range []string{"", "Admin", "root", "no role"} {
		if r, err := access.ParseRole(name); err == nil {
			t.Errorf("%q is %v", name, r)
		}
	}
}

// A context without a principal has none, and the innermost counts.
func TestPrincipalOfContext(t *testing.T) {
	if p, ok := access.From(t.Context()); ok {
		t.Errorf("there is %+v", p)
	}
	ctx := access.With(access.With(t.Context(), access.Principal{Name: "a"}), access.Principal{Name: "b", Role: access.Viewer})
	if p, ok := access.From(ctx); !ok || p.Name != "b" {
		t.Errorf("it is %+v", p)
	}
}
