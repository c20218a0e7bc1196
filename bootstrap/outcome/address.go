package outcome

import (
	"net"
	"net/netip"
)

// NetworkOf is the /24 of IPv4, or the /48 of IPv6, that remote, an IP:port, is in. All
// that is no such address is in the zero network.
func NetworkOf(remote string) netip.Prefix {
	a, err := netip.ParseAddr(HostOf(remote))
	if err != nil {
		return netip.Prefix{}
	}
	a = a.Unmap().WithZone("")
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // both are within the address
	return p
}

// HostOf is remote, an IP:port, without its port, if it has one.
func HostOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}
