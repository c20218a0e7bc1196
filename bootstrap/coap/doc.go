// Package coap is the transport of the Bootstrap-Server: CoAP (RFC 7252) with
// block-wise transfer (RFC 7959) over UDP and DTLS.
//
// A datagram arrives at a listener ([ListenUDP], [ListenDTLS]), which finds the conn
// of its peer; the conn decodes it and knows what it is: a request of the peer goes to
// the [bootstrap.Handler], an answer to whoever waits for it in [bootstrap.Conn], a
// duplicate is answered from memory, and everything else is dropped without an answer
// that could start a quarrel. Retransmission, acknowledgements and blocks stay in here.
//
// Everything is bounded: peers, requests under way, datagrams waiting, payloads, and
// what is remembered of each. At its limit a listener drops datagrams; it never blocks.
//
// Message layer and block-wise transfer are this package's own; of go-coap only the
// message codec is used, and no type of it or of pion leaves the package.
package coap
