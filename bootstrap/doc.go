// Package bootstrap is the LwM2M Bootstrap-Server.
//
// A [Server] reads Bootstrap-Requests, decides who the client is and whether a session may begin
// now, and runs the session: one goroutine, one request to the client outstanding. It records how
// every attempt ended, and tells an observer of each [Event].
//
// Each decision is made in a package of its own: bootstrap/request says what a client asks,
// bootstrap/auth which device a peer is, bootstrap/provision what that device is given by its records,
// bootstrap/plan which operations this takes, bootstrap/history what is kept of it, and
// bootstrap/attempt what is kept of attempts that become no session. This package puts them together and holds what has state:
// the sessions that run, the rate limit of each device, the store.
//
// The package knows no socket and no CoAP library. Package bootstrap/coap feeds it requests through
// [Handler] and carries its own requests to the client through [Conn].
package bootstrap
