package pending

import (
	"fmt"
	"net/netip"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// The defaults of [Limits].
const (
	DefaultDevices    = 1000
	defaultCredential = 4
	defaultPlainRate  = 60
)

// Limits bound a [List]. Zero stands for the default.
type Limits struct {
	Devices      int // on the list; default 1,000
	Network      int // of these, of one network (/24, /48), or of one enrolment group; default half of Devices
	Plain        int // of these, of plain CoAP; default a quarter of Devices
	PlainNetwork int // of these, of one network (/24, /48); default a quarter of Plain
	Credential   int // with one credential and changing names; default 4
	PlainRate    int // new ones of plain CoAP in a minute, a quarter of them from one network; default 60
}

func (l Limits) withDefaults() Limits {
	byDefault := func(field *int, n int) {
		if *field == 0 {
			*field = max(1, n)
		}
	}
	byDefault(&l.Devices, DefaultDevices)
	byDefault(&l.Network, l.Devices/2)
	byDefault(&l.Plain, l.Devices/4)
	byDefault(&l.PlainNetwork, l.Plain/4)
	byDefault(&l.Credential, defaultCredential)
	byDefault(&l.PlainRate, defaultPlainRate)
	return l
}

// SetLimits changes the limits. Where there are more devices on the list than the new ones permit, they stay: a device that
// comes takes the place of another, as at the limit.
func (l *List) SetLimits(limits Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limits = limits.withDefaults()
}

// A RateError refuses a new device of plain CoAP, since too many came within a minute.
type RateError struct{ limit int }

// Error names the limit.
func (e *RateError) Error() string {
	return fmt.Sprintf("more than %d unknown devices a minute over plain CoAP, or more than a quarter of that from one network", e.limit)
}

// A rate counts new devices of plain CoAP in a minute.
type rate struct {
	since    time.Time
	all      int
	networks map[netip.Prefix]int
}

// take counts a device from remote, and reports whether it is within the limit.
func (r *rate) take(l Limits, remote string, now time.Time) bool {
	if r.networks == nil || now.Sub(r.since) >= time.Minute {
		*r = rate{since: now, networks: make(map[netip.Prefix]int)}
	}
	from := outcome.NetworkOf(remote)
	if r.all >= l.PlainRate || r.networks[from] >= max(1, l.PlainRate/4) {
		return false
	}
	r.all++
	r.networks[from]++
	return true
}

// room returns which devices make room for p, and false where there is none for it. The caller holds
// mu.
func (l *List) room(p store.PendingDevice) (evicted []*entry, ok bool) {
	from := outcome.NetworkOf(p.Remote)
	shares := []share{
		{l.limits.Devices, func(*entry) bool { return true }},
		{l.limits.Network, func(e *entry) bool { return outcome.NetworkOf(e.Remote) == from }},
	}
	if p.Group != "" { // who has the key of a group can come under many names
		shares = append(shares, share{l.limits.Network, func(e *entry) bool { return e.Group == p.Group }})
	}
	if p.Kind != "" {
		shares = append(shares, share{l.limits.Credential, func(e *entry) bool { return e.Kind == p.Kind && e.Identity == p.Identity }})
	} else {
		plain := func(e *entry) bool { return e.Kind == "" }
		shares = append(shares,
			share{l.limits.Plain, plain},
			share{l.limits.PlainNetwork, func(e *entry) bool { return plain(e) && outcome.NetworkOf(e.Remote) == from }})
	}
	for i := len(shares) - 1; i >= 0; i-- { // the smallest first: whom it takes out counts for the others
		gone, ok := l.makeRoom(shares[i], p, evicted)
		if !ok {
			return nil, false
		}
		evicted = gone
	}
	return evicted, true
}

// A share is a part of the list with a limit of its own.
type share struct {
	limit int
	has   func(*entry) bool
}

// makeRoom adds to evicted the one of s that makes room for p, where s is at its limit. It is one that is not
// waiting and that p may displace. One that was not rejected goes before one that was, and among these the
// one that came longest ago.
func (l *List) makeRoom(s share, p store.PendingDevice, evicted []*entry) ([]*entry, bool) {
	n := 0
	var oldest *entry
	for _, e := range l.devices {
		if !s.has(e) || contains(evicted, e) {
			continue
		}
		n++
		if e.wait == nil && mayDisplace(p, e) && (oldest == nil || before(e, oldest)) {
			oldest = e
		}
	}
	switch {
	case n < s.limit:
		return evicted, true
	case oldest == nil:
		return nil, false
	}
	return append(evicted, oldest), true
}

// mayDisplace reports whether a new device may take the place of another: one that did not
// authenticate takes none of one that did.
func mayDisplace(p store.PendingDevice, e *entry) bool { return p.Kind != "" || e.Kind == "" }

func before(a, b *entry) bool {
	if a.Rejected.IsZero() != b.Rejected.IsZero() {
		return a.Rejected.IsZero()
	}
	return a.Last.Before(b.Last)
}

func contains(all []*entry, e *entry) bool {
	for _, other := range all {
		if other == e {
			return true
		}
	}
	return false
}
