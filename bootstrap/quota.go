package bootstrap

import (
	"cmp"
	"net"
	"net/netip"
	"time"
)

// A quota bounds how many records of history the attempts of one kind may cause in a
// period, and how many of them may come from one network. So a flood from one network
// leaves room for the attempts from others.
type quota struct {
	limit  int           // records in a period; constant
	period time.Duration // constant; zero means a minute

	since    time.Time            // when the period began
	used     int                  // records since then
	networks map[netip.Prefix]int // records since then, by network
}

// take counts a record about an attempt from remote, an IP:port, and reports whether it
// is within the quota.
func (q *quota) take(remote string, now time.Time) bool {
	if q.networks == nil || now.Sub(q.since) >= cmp.Or(q.period, time.Minute) {
		q.since, q.used, q.networks = now, 0, make(map[netip.Prefix]int)
	}
	from := networkOf(remote)
	if q.used >= q.limit || q.networks[from] >= max(1, q.limit/2) {
		return false
	}
	q.used++
	q.networks[from]++
	return true
}

// networkOf is the /24 of IPv4, or the /48 of IPv6, that remote, an IP:port, is in. All
// that is no such address is in the zero network.
func networkOf(remote string) netip.Prefix {
	a, err := netip.ParseAddr(hostOf(remote))
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

// hostOf is remote without its port, if it has one.
func hostOf(remote string) string {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return remote
	}
	return host
}
