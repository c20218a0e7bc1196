// Package certificate decides about certificates in a DTLS handshake: which one of the server goes
// with what a client offers ([Choose]) and why none does, with which signature algorithms,
// what the chain of a client is, and whether a client trusts that of a server.
//
// Whether the certificate of a client belongs to a device is not decided here: see
// package bootstrap/auth.
package certificate
