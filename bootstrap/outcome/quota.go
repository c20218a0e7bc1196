package outcome

import (
	"cmp"
	"net/netip"
	"time"
)

// A Quota bounds how many records attempts of one kind may cause in a period; those from one network
// may cause half of them. So a flood from one network leaves room for the attempts from others. Its
// caller sees to it that it is used by one goroutine at a time.
type Quota struct {
	Limit  int           // records in a period; constant
	Period time.Duration // constant; zero means a minute

	since    time.Time            // when the period began
	used     int                  // records since then
	networks map[netip.Prefix]int // records since then, by network
}

// Take counts a record about an attempt from remote, an IP:port, and reports whether it
// is within the quota.
func (q *Quota) Take(remote string, now time.Time) bool {
	if q.networks == nil || now.Sub(q.since) >= cmp.Or(q.Period, time.Minute) {
		q.since, q.used, q.networks = now, 0, make(map[netip.Prefix]int)
	}
	from := NetworkOf(remote)
	if q.used >= q.Limit || q.networks[from] >= max(1, q.Limit/2) {
		return false
	}
	q.used++
	q.networks[from]++
	return true
}
