package access_test

import (
	"context"
	"testing"

	"lwbs/bootstrap/admin/access"
)

// The principal of a request is found in its context, and in those made from it.
func TestPrincipalInContext(t *testing.T) {
	if p, ok := access.From(t.Context()); ok {
		t.Errorf("a context without a principal has %+v", p)
	}
	want := access.Principal{Name: "ada", Role: access.Engineer, Way: "password", Address: "192.0.2.1:4711"}
	ctx, cancel := context.WithCancel(access.With(t.Context(), want))
	defer cancel()
	if p, ok := access.From(ctx); !ok || p != want {
		t.Errorf("the context has %+v, %v", p, ok)
	}
}

// Roles are ordered, and written by name.
func TestRoles(t *testing.T) {
	if !(access.Role(0) < access.Viewer && access.Viewer < access.Engineer && access.Engineer < access.Admin) {
		t.Error("the roles are not in their order")
	}
	for _, role := range []access.Role{access.Viewer, access.Engineer, access.Admin} {
		text, err := role.MarshalText()
		var read access.Role
		if err != nil || read.UnmarshalText(text) != nil || read != role {
			t.Errorf("%v is read as %v, %v", role, read, err)
		}
	}
	for _, text := range []string{"", "Admin", "root"} {
		var r access.Role
		if err := r.UnmarshalText([]byte(text)); err == nil || r != 0 {
			t.Errorf("%q is read as the role %v", text, r)
		}
	}
}
