package udp

import "net/netip"

// A Peer is the pair of addresses that tells a peer from others. It is a comparable [net.Addr].
type Peer struct {
	Remote netip.AddrPort
	Local  netip.Addr // that the peer sends to; invalid where the socket is bound to one address
}

// Network implements [net.Addr].
func (p Peer) Network() string { return "udp" }

// String implements [net.Addr].
func (p Peer) String() string { return p.Remote.String() }
