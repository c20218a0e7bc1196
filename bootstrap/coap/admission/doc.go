// Package admission decides which new peers are served, and when, so that neither a flood nor
// a fleet that comes back at once takes more memory or CPU than there is.
//
//   - A [SourceLimiter] limits the rate of new peers of each network and of all, with token
//     buckets ([NewPeerLimits]), before anything is allocated for them.
//   - A [HandshakeLimiter] bounds the DTLS handshakes under way, in all and for each network.
//   - A [HandshakeQueue] has the clients that wait for a handshake.
//   - A [RequestQueue] has the requests over plain CoAP that wait for their handlers.
//   - A [LoadMonitor] reports overload, from how long goroutines wait for a CPU.
//
// Peers are told apart by network ([NetworkOf], [SubscriberOf]), as one address costs an
// attacker nothing. At a limit a datagram is dropped for a [traffic.DropReason] of its own.
// Nothing here sends, receives, or knows a message.
package admission
