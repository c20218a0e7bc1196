// Package auth decides who a peer is, and whether it may bootstrap.
//
// A [Peer] is what the transport knows of the other end: an address, and the PSK identity or the
// certificates that it proved to have the key of. An [Authorizer] finds the device record that
// these belong to and says why a peer is not the device that it names. A [Trust] says which
// certificates are believed because of their issuer, and where the name of a client stands in
// them ([NameRule]); it does no input or output.
//
// A [Handshake] is one that did not complete, with the reason as far as it is known; its Failure
// is what the history gets.
//
// Keys and names of a device are compared here and nowhere else. What a device that may
// bootstrap is given is decided in package bootstrap/profile.
package auth
