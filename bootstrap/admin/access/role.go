package access

import (
	"fmt"
	"strings"
)

// A Role is what a principal may do. A higher one may do all that a lower one may. The zero Role may do
// nothing.
type Role int

// The roles, the lowest first.
const (
	Viewer   Role = iota + 1 // reads everything but secrets, users, tokens and the audit
	Engineer                 // adds and edits devices, approves pending ones; reveals no stored key
	Admin                    // everything
)

// Roles are all of them, the lowest first.
var Roles = []Role{Viewer, Engineer, Admin}

var roleNames = map[Role]string{Viewer: "viewer", Engineer: "engineer", Admin: "admin"}

// ParseRole reads the name of a role.
func ParseRole(name string) (Role, error) {
	for _, r := range Roles {
		if roleNames[r] == name {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%q is no role: want %s", name, strings.Join(RoleNames(), ", "))
}

// RoleNames are the names of all roles.
func RoleNames() (names []string) {
	for _, r := range Roles {
		names = append(names, roleNames[r])
	}
	return names
}

// Allows reports whether r may do what needs the role least. What needs the zero Role is for everybody.
func (r Role) Allows(least Role) bool { return r >= least }

// String is the name of r; empty for the zero Role.
func (r Role) String() string { return roleNames[r] }

// MarshalText writes the name of r, which must be one of Roles.
func (r Role) MarshalText() ([]byte, error) {
	if name, ok := roleNames[r]; ok {
		return []byte(name), nil
	}
	return nil, fmt.Errorf("%d is no role", int(r))
}

// UnmarshalText reads what MarshalText wrote.
func (r *Role) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRole(string(text))
	return err
}
