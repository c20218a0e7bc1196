// Package access decides who may use the admin API and the pages from elsewhere.
package access

import (
	"context"
	"fmt"
	"slices"
)

// A Role says what a principal may do. A greater role may do all that a lesser one may.
type Role int

// The roles. The zero Role may do nothing.
const (
	Viewer   Role = iota + 1 // reads everything but secrets
	Engineer                 // edits devices and decides on pending devices
	Admin                    // edits everything, and reads secrets
)

var roleNames = []string{Viewer: "viewer", Engineer: "engineer", Admin: "admin"}

// String is the name of the role; empty for none.
func (r Role) String() string {
	if r < Viewer || r > Admin {
		return ""
	}
	return roleNames[r]
}

// MarshalText returns the name of the role.
func (r Role) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads the name of a role.
func (r *Role) UnmarshalText(text []byte) error {
	i := slices.Index(roleNames, string(text))
	if i < int(Viewer) {
		return fmt.Errorf("there is no role %q: want viewer, engineer or admin", text)
	}
	*r = Role(i)
	return nil
}

// A Principal is who makes a request.
type Principal struct {
	Name    string // of the user, the token or the certificate
	Role    Role
	Way     string // in which it authenticated, such as "password"
	Address string // IP:port that it came from; empty where that is unknown
}

type principalKey struct{}

// With returns ctx with p as the principal of what is done with it.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns the principal of ctx; ok is false where there is none.
func From(ctx context.Context) (p Principal, ok bool) {
	p, ok = ctx.Value(principalKey{}).(Principal)
	return p, ok
}
