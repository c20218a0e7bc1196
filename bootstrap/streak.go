package bootstrap

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
	// maxStreaks bounds the streaks that are open at a time; the oldest ends for a new
	// one.
	maxStreaks = 4096

	// maxStreaksOfOne bounds those of one subject, which decides what names it claims.
	maxStreaksOfOne = 16

	// maxHosts bounds the addresses of a streak that are told apart.
	maxHosts = 8
)

// A streak is the same failure of the same subject again and again: a device with a
// wrong key retries every few seconds for days. It is kept as one record, with the
// beginning of the first attempt, all else from the latest, and their number.
type streak struct {
	who    string        // the subject
	latest store.Session // with the ID and the beginning of the first
	until  time.Time     // from then on a new streak begins
	count  int           // attempts
	kept   int           // attempts that were passed on to be kept
	hosts  []string      // different addresses, without ports; at most maxHosts+1
	ended  bool
}

func newStreak(who string, s store.Session, window time.Duration) *streak {
	n := attempts(s)
	return &streak{who: who, latest: s, until: s.Started.Add(window), count: n, kept: n, hosts: []string{outcome.HostOf(s.Remote)}}
}

// attempts is how many a record stands for.
func attempts(s store.Session) int { return max(1, s.Attempts) }

// add counts one more attempt, or as many as s stands for.
func (k *streak) add(s store.Session) {
	s.Ended = k.latest.Started.Add(s.Ended.Sub(k.latest.Started)) // by the clock of the first
	s.ID, s.Started = k.latest.ID, k.latest.Started
	k.latest = s
	k.count += attempts(s)
	if host := outcome.HostOf(s.Remote); len(k.hosts) <= maxHosts && !slices.Contains(k.hosts, host) {
		k.hosts = append(k.hosts, host)
	}
}

// record is what is to be kept of the streak, counted as kept from now on.
func (k *streak) record() store.Session {
	k.kept = k.count
	s := k.latest
	if k.count == 1 {
		return s
	}
	s.Attempts = k.count
	from := ""
	switch n := len(k.hosts); {
	case n > maxHosts:
		from = fmt.Sprintf(", from more than %d addresses", maxHosts)
	case n > 1:
		from = fmt.Sprintf(", from %d addresses", n)
	}
	s.Detail = strings.TrimSpace(fmt.Sprintf("%s (%d times since %s%s)", s.Detail, k.count, s.Started.UTC().Format("15:04:05 UTC"), from))
	return s
}

// streaks are those that are open. Methods that return records return those of
// streaks that have grown since they were kept.
type streaks struct {
	bySubject map[string][]*streak // oldest first
	order     []*streak            // oldest first, some of them ended
}

func newStreaks() streaks { return streaks{bySubject: make(map[string][]*streak)} }

// subject is whose attempt it is: that of an endpoint, what is proved of it apart from what
// is not; or of the identity where the endpoint is unknown; or of the address without the
// port.
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

// repeat adds s to the streak of who that it continues, if there is one. A subject that
// claims ever new names has one for all those beyond the limit.
func (all *streaks) repeat(who string, s store.Session) bool {
	open := all.bySubject[who]
	var found *streak
	for _, k := range open {
		if k.latest.Cause != s.Cause || !s.Started.Before(k.until) {
			continue
		}
		if k.latest.Claimed == s.Claimed {
			found = k
			break
		}
		if len(open) >= maxStreaksOfOne {
			found = k
		}
	}
	if found == nil {
		return false
	}
	found.add(s)
	return true
}

// open begins a streak of who with s, which is kept already.
func (all *streaks) open(who string, s store.Session, window time.Duration) []store.Session {
	var grown []store.Session
	for _, k := range slices.Clone(all.bySubject[who]) {
		if k.latest.Cause == s.Cause && k.latest.Claimed == s.Claimed || len(all.bySubject[who]) >= maxStreaksOfOne {
			grown = all.drop(k, grown)
		}
	}
	k := newStreak(who, s, window)
	all.bySubject[who] = append(all.bySubject[who], k)
	all.order = append(all.order, k)
	if len(all.order) > maxStreaks {
		grown = all.drop(all.order[0], grown)
		all.order = all.order[1:]
	}
	return grown
}

// end ends the streaks of one subject.
func (all *streaks) end(subject string) []store.Session {
	var grown []store.Session
	for _, k := range all.bySubject[subject] {
		grown = k.end(grown)
	}
	delete(all.bySubject, subject)
	return grown
}

// due ends the streaks whose time is over.
func (all *streaks) due(now time.Time) []store.Session {
	var grown []store.Session
	open := all.order[:0]
	for _, k := range all.order {
		switch {
		case k.ended:
		case now.Before(k.until):
			open = append(open, k)
			if k.count > k.kept {
				grown = append(grown, k.record())
			}
		default:
			grown = all.drop(k, grown)
		}
	}
	clear(all.order[len(open):])
	all.order = open
	return grown
}

// drop ends k and forgets it.
func (all *streaks) drop(k *streak, grown []store.Session) []store.Session {
	if k.ended {
		return grown
	}
	left := slices.DeleteFunc(all.bySubject[k.who], func(other *streak) bool { return other == k })
	if all.bySubject[k.who] = left; len(left) == 0 {
		delete(all.bySubject, k.who)
	}
	return k.end(grown)
}

func (k *streak) end(grown []store.Session) []store.Session {
	k.ended = true
	if k.count > k.kept {
		grown = append(grown, k.record())
	}
	return grown
}
