// Package exchange is the message layer of CoAP (RFC 7252) with block-wise transfer
// (RFC 7959): the conversation with one peer, whatever carries its datagrams.
//
// A [Hub] has the conns of one socket. Whoever owns the socket makes a [Link] for each peer,
// gets a [Conn] for it from [Hub.NewConn], and passes datagrams to [Conn.Deliver]. The Conn
// decodes them. A request of the peer goes to the [bootstrap.Handler], when the [Scheduler]
// lets it; a duplicate is answered from the response cache; an answer goes to the call of
// [Conn.Do] that waits for it. Retransmissions, acknowledgements and blocks stay in here.
//
// An address may be forged. Until the peer has answered a request over an [UnvalidatedLink], it
// is sent at most three bytes for each that came, and no secrets.
//
// Inboxes, requests under way, uploads and what is remembered of each peer are bounded; at a
// limit datagrams are dropped and counted. Deliver never blocks.
package exchange
