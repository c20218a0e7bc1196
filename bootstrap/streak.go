package bootstrap

import (
	"fmt"
	"net"
	"time"

	"lwbs/store"
)

// maxStreaks bounds the streaks that are open at a time; the oldest ends for a new
// one.
const maxStreaks = 4096

// A streak is the same failure of the same subject again and again: a device with a
// wrong key retries every few seconds for days. It is kept as one record, with the
// beginning of the first attempt, all else from the latest, and their number.
type streak struct {
	latest store.Session // with the ID and the beginning of the first
	until  time.Time     // from then on a new streak begins
	count  int           // attempts
	kept   int           // attempts that were passed on to be kept
	ended  bool
}

// record is what is to be kept of the streak, counted as kept from now on.
func (k *streak) record() store.Session {
	k.kept = k.count
	s := k.latest
	if k.count > 1 {
		s.Attempts = k.count
		s.Detail = fmt.Sprintf("%s (%d times since %s)", s.Detail, k.count, s.Started.UTC().Format("15:04:05 UTC"))
	}
	return s
}

// streaks are those that are open. Methods that return records return those of
// streaks that have grown since they were kept.
type streaks struct {
	bySubject map[string]map[store.Cause]*streak
	order     []*streak // oldest first, some of them ended
}

func newStreaks() streaks { return streaks{bySubject: make(map[string]map[store.Cause]*streak)} }

// subject is who failed: the endpoint, or the identity where it is unknown, or the
// address without the port.
func subject(s store.Session) string {
	if s.Endpoint != "" {
		return "endpoint " + string(s.Endpoint)
	}
	if s.Identity != "" {
		return "identity " + s.Identity
	}
	host, _, err := net.SplitHostPort(s.Remote)
	if err != nil {
		host = s.Remote
	}
	return "host " + host
}

// repeat adds s to the streak that it continues, if there is one.
func (all *streaks) repeat(s store.Session) bool {
	k := all.bySubject[subject(s)][s.Cause]
	if k == nil || !s.Started.Before(k.until) {
		return false
	}
	s.Ended = k.latest.Started.Add(s.Ended.Sub(k.latest.Started)) // by the clock of the first
	s.ID, s.Started = k.latest.ID, k.latest.Started
	k.latest = s
	k.count++
	return true
}

// open begins a streak with s, which is kept already.
func (all *streaks) open(s store.Session, window time.Duration) []store.Session {
	var grown []store.Session
	who := subject(s)
	causes := all.bySubject[who]
	if causes == nil {
		causes = make(map[store.Cause]*streak)
		all.bySubject[who] = causes
	} else if k := causes[s.Cause]; k != nil {
		grown = k.end(grown)
	}
	k := &streak{latest: s, until: s.Started.Add(window), count: 1, kept: 1}
	causes[s.Cause] = k
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
	who := subject(k.latest)
	delete(all.bySubject[who], k.latest.Cause)
	if len(all.bySubject[who]) == 0 {
		delete(all.bySubject, who)
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
