// Package otherprotocol recognises datagrams that came to the wrong port, such as DTLS at that of
// plain CoAP, TLS or HTTP, and gathers them, so that a device with the wrong port or scheme in
// its configuration can be told from noise.
//
// A protocol is named only where that is beyond doubt. Nothing of a datagram is authenticated, so
// that what is gathered is bounded, in all and of each network, and reported once a second.
package otherprotocol
