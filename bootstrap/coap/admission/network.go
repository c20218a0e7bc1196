package admission

import "net/netip"

// NetworkOf is the network that one operator usually has: the /24 of an IPv4 address, the /48 of
// an IPv6 one.
func NetworkOf(a netip.Addr) netip.Prefix { return prefixOf(a, 48) }

// SubscriberOf is the network that one subscriber or site usually has: the /24 of an IPv4
// address, the /64 of an IPv6 one.
func SubscriberOf(a netip.Addr) netip.Prefix { return prefixOf(a, 64) }

// prefixOf is the /24 of an IPv4 address, and as many bits as are given of an IPv6 one.
func prefixOf(a netip.Addr, bits int) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // an error only for the zero Addr
	return p
}
