// Package udp has the UDP sockets: one for each listener, shared by all its peers, and
// connected ones for dialled associations.
//
// On Linux a socket bound to every address learns from the kernel which of them a datagram was
// sent to, and replies from that (IP_PKTINFO); the receive buffer is as large as the kernel
// allows; and datagrams that found no room in it are counted (SO_RXQ_OVFL). Elsewhere a listener
// has to be bound to one address, and what the kernel drops is not known.
//
// A [Peer] is a pair of addresses. What its datagrams mean is not known here.
package udp
