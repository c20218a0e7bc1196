package history

import (
	"cmp"
	"net/netip"
	"time"

	"lwbs/bootstrap/outcome"
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
	from := outcome.NetworkOf(remote)
	if q.used >= q.limit || q.networks[from] >= max(1, q.limit/2) {
		return false
	}
	q.used++
	q.networks[from]++
	return true
}
