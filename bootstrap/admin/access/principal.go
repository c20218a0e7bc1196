// Package access decides who may administer a Bootstrap-Server and what: users with passwords, API tokens,
// client certificates and web sessions, and the [Role] that each of them has.
//
// A request has a [Principal], which whoever authenticated it puts into its context with [With]. What a
// principal may do is in the tables of the routes; [Role.Allows] compares.
package access

import "context"

// A Principal is who sends a request.
type Principal struct {
	// Name of the user, the token or the user of the operating system.
	Name string `json:"name"`

	// Role is what the principal may do.
	Role Role `json:"role"`

	// Way is how the principal authenticated: one of the constants below, behind WayToken also the name of
	// the token where that belongs to a user.
	Way string `json:"way"`

	// Address is where the request came from: an IP address, or the process at the other end of the admin
	// socket.
	Address string `json:"address,omitempty"`
}

// The ways to authenticate.
const (
	WayPassword    = "password"
	WayToken       = "token"
	WayCertificate = "certificate"
	WayOIDC        = "oidc"
	WaySocket      = "socket"   // the admin socket, which only the user of the server may open
	WayDatabase    = "database" // a command that opened the database file itself
)

type principalKey struct{}

// With returns a context of a request of p.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns whose request a context is of; ok is false where no one authenticated.
func From(ctx context.Context) (p Principal, ok bool) {
	p, ok = ctx.Value(principalKey{}).(Principal)
	return p, ok
}
