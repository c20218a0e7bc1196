package history

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

const (
	// maxCoalesced bounds how many coalesced failures are open at a time; the oldest ends for
	// a new one.
	maxCoalesced = 4096

	// maxCoalescedOfOne bounds those of one subject, which decides what names it claims.
	maxCoalescedOfOne = 16

	// maxHosts bounds the addresses of a coalesced failure that are told apart.
	maxHosts = 8
)

// A coalescedFailure is the same failure of the same subject again and again: a device with a
// wrong key retries every few seconds for days. It is kept as one record, with the
// beginning of the first attempt, all else from the latest, and their number.
type coalescedFailure struct {
	who    string        // the subject
	latest store.Session // with the ID and the beginning of the first
	until  time.Time     // a failure from then on has a record of its own
	count  int           // attempts
	kept   int           // attempts that were passed on to be kept
	hosts  []string      // different addresses, without ports; at most maxHosts+1
	ended  bool
}

func newCoalescedFailure(who string, s store.Session, window time.Duration) *coalescedFailure {
	n := attempts(s)
	return &coalescedFailure{who: who, latest: s, until: s.Started.Add(window), count: n, kept: n, hosts: []string{outcome.HostOf(s.Remote)}}
}

// attempts is how many a record stands for.
func attempts(s store.Session) int { return max(1, s.Attempts) }

// add counts one more attempt, or as many as s stands for.
func (c *coalescedFailure) add(s store.Session) {
	s.Ended = c.latest.Started.Add(s.Ended.Sub(c.latest.Started)) // by the clock of the first
	s.ID, s.Started = c.latest.ID, c.latest.Started
	c.latest = s
	c.count += attempts(s)
	if host := outcome.HostOf(s.Remote); len(c.hosts) <= maxHosts && !slices.Contains(c.hosts, host) {
		c.hosts = append(c.hosts, host)
	}
}

// record is what is to be kept of it, counted as kept from now on.
func (c *coalescedFailure) record() store.Session {
	c.kept = c.count
	s := c.latest
	if c.count == 1 {
		return s
	}
	s.Attempts = c.count
	from := ""
	switch n := len(c.hosts); {
	case n > maxHosts:
		from = fmt.Sprintf(", from more than %d addresses", maxHosts)
	case n > 1:
		from = fmt.Sprintf(", from %d addresses", n)
	}
	s.Detail = strings.TrimSpace(fmt.Sprintf("%s (%d times since %s%s)", s.Detail, c.count, s.Started.UTC().Format("15:04:05 UTC"), from))
	return s
}

// coalescedFailures are those that are open. Methods that return records return those that
// have grown since they were kept.
type coalescedFailures struct {
	bySubject map[string][]*coalescedFailure // oldest first
	order     []*coalescedFailure            // oldest first, some of them ended
}

func newCoalescedFailures() coalescedFailures {
	return coalescedFailures{bySubject: make(map[string][]*coalescedFailure)}
}

// subject is whose attempt it is: that of an endpoint, for each kind of proof another; or of the
// identity where the endpoint is unknown; or of the address without the port.
func subject(s store.Session) string {
	switch {
	case s.Endpoint != "":
		return endpointSubject(s.Endpoint, s.Proof)
	case s.Identity != "":
		return "identity " + s.Identity
	}
	return "host " + outcome.HostOf(s.Remote)
}

func endpointSubject(ep lwm2m.EndpointName, proof store.Proof) string {
	return "endpoint " + string(proof) + " " + string(ep)
}

// repeat adds s to the failure of who that it repeats, if there is one. A subject that
// claims ever new names has one for all those beyond the limit.
func (all *coalescedFailures) repeat(who string, s store.Session) bool {
	open := all.bySubject[who]
	var found *coalescedFailure
	for _, c := range open {
		if c.latest.Cause != s.Cause || !s.Started.Before(c.until) {
			continue
		}
		if c.latest.Claimed == s.Claimed {
			found = c
			break
		}
		if len(open) >= maxCoalescedOfOne {
			found = c
		}
	}
	if found == nil {
		return false
	}
	found.add(s)
	return true
}

// open begins with s, which is kept already and is a failure of who.
func (all *coalescedFailures) open(who string, s store.Session, window time.Duration) []store.Session {
	var grown []store.Session
	for _, c := range slices.Clone(all.bySubject[who]) {
		if c.latest.Cause == s.Cause && c.latest.Claimed == s.Claimed || len(all.bySubject[who]) >= maxCoalescedOfOne {
			grown = all.drop(c, grown)
		}
	}
	c := newCoalescedFailure(who, s, window)
	all.bySubject[who] = append(all.bySubject[who], c)
	all.order = append(all.order, c)
	if len(all.order) > maxCoalesced {
		grown = all.drop(all.order[0], grown)
		all.order = all.order[1:]
	}
	return grown
}

// end ends those of one subject.
func (all *coalescedFailures) end(subject string) []store.Session {
	var grown []store.Session
	for _, c := range all.bySubject[subject] {
		grown = c.end(grown)
	}
	delete(all.bySubject, subject)
	return grown
}

// due ends those whose time is over.
func (all *coalescedFailures) due(now time.Time) []store.Session {
	var grown []store.Session
	open := all.order[:0]
	for _, c := range all.order {
		switch {
		case c.ended:
		case now.Before(c.until):
			open = append(open, c)
			if c.count > c.kept {
				grown = append(grown, c.record())
			}
		default:
			grown = all.drop(c, grown)
		}
	}
	clear(all.order[len(open):])
	all.order = open
	return grown
}

// drop ends c and forgets it.
func (all *coalescedFailures) drop(c *coalescedFailure, grown []store.Session) []store.Session {
	if c.ended {
		return grown
	}
	left := slices.DeleteFunc(all.bySubject[c.who], func(other *coalescedFailure) bool { return other == c })
	if all.bySubject[c.who] = left; len(left) == 0 {
		delete(all.bySubject, c.who)
	}
	return c.end(grown)
}

func (c *coalescedFailure) end(grown []store.Session) []store.Session {
	c.ended = true
	if c.count > c.kept {
		grown = append(grown, c.record())
	}
	return grown
}
