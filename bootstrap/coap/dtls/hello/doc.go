// Package hello reads what the datagrams of a DTLS client say before the server remembers
// anything of it: [Inspect] tells of each datagram what it is for, [ParseOffer] what the client
// offers, and a [CookieMaker] whether it has returned a cookie of the server (RFC 6347 §4.2.1).
// A [Reassembler] puts ClientHellos together that come in fragments, within limits.
//
// It also has the names of groups and signature algorithms, as a failed handshake reports them.
// Everything read may be forged; nothing here does input or output.
package hello
