// Package coap is the transport of the Bootstrap-Server: CoAP (RFC 7252) with block-wise
// transfer (RFC 7959) over UDP and DTLS 1.2. This package listens and dials ([ListenUDP],
// [ListenDTLS], [DialUDP], [DialDTLS]) and has the whole configuration; each part of the work
// is a package below it with a configuration of its own:
//
//	udp            sockets and the addresses of peers
//	admission      which new peers are served, and when
//	plain          peers over plain CoAP
//	dtls           peers over DTLS
//	exchange       the conversation with one peer
//	message        the format of CoAP
//	otherprotocol  what came to the wrong port
//	tasks          goroutines and timers, which end together
//	traffic        counters, and reasons for drops
//
// A datagram comes from udp to plain or dtls, which finds the association of its peer, or asks
// admission for a new one. The exchange of that association decodes it: a request goes to the
// [bootstrap.Handler], an answer to the call of [bootstrap.Conn] that waits for it, a duplicate
// is answered from what is remembered, and everything else is dropped for a
// [traffic.DropReason].
//
// Everything is bounded: associations, requests under way, queues, payloads, and what is
// remembered of each peer. At a limit a listener drops datagrams; it never blocks.
package coap
