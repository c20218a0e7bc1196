// Package bootstrap is the LwM2M Bootstrap-Server: it reads Bootstrap-Requests,
// decides whether a client may have what, plans the operations that give it that,
// carries them out one at a time, and records how it went.
//
// It knows no socket and no CoAP library. Package bootstrap/coap feeds it requests
// through [Handler] and carries its own requests to the client through [Conn].
package bootstrap
