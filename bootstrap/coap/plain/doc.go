// Package plain serves peers over plain CoAP: it finds the association of a datagram's peer, or
// makes one for a request of a new peer, within the rate limits, and evicts the one idle for
// longest where there are too many. The first request over it comes before the address of the
// peer is validated; [exchange] sends little and nothing secret until then.
//
// Datagrams that are no requests of peers without an association are answered with RST where
// RFC 7252 §4.2 asks for it, without remembering anything.
package plain
