// Package coap is the transport of the Bootstrap-Server: CoAP (RFC 7252) with
// block-wise transfer (RFC 7959) over UDP and DTLS.
//
// A datagram arrives at a listener ([ListenUDP], [ListenDTLS]), which finds the conn
// of its peer; the conn decodes it and knows what it is: a request of the peer goes to
// the [bootstrap.Handler], an answer to whoever waits for it in [bootstrap.Conn], a
// duplicate is answered from memory, and everything else is dropped without an answer
// that could start a quarrel. Retransmission, acknowledgements and blocks stay in here.
//
// With DTLS a multiplexer stands between socket and conn. It remembers nothing of a peer
// that has not returned a cookie, shows pion nothing that a forger could end an
// association with, keeps handshakes within limits, and lets a device that lost power in
// again from the port that it had.
//
// A stranger passes a gate with limits for its network and for all ([StrangerLimits])
// before anything is allocated for it, and over UDP is sent little until it has answered
// a request. Each datagram that is dropped counts under one [DropReason].
//
// Everything is bounded: peers, requests under way, datagrams waiting, payloads, and
// what is remembered of each. At its limit a listener drops datagrams; it never blocks.
//
// Message layer, block-wise transfer and multiplexer are this package's own; of go-coap
// only the message codec is used, of pion the associations, and no type of either leaves
// the package.
package coap
