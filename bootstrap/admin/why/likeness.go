package why

import (
	"context"
	"fmt"
	"slices"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
	"lwbs/store/near"
)

// A Likeness is an attempt of a peer that belongs to no device, and may be the device that
// was asked about.
type Likeness struct {
	Reason
	Because string `json:"because"` // why it may be
}

// Limits of the search for them.
const (
	maxLikely   = 3      // that are found
	maxUnknown  = 10_000 // attempts that are looked at
	unknownPage = 500    // of them at a time
)

// likely finds attempts of unknown devices, since the last of the device itself, that may be its. They gave a
// name or an identity that is nearly one of its own; or they gave neither, and came from the address that it
// came from last.
func (i *inquiry) likely(ctx context.Context) error {
	match := newLikeness(*i.device, i.own)
	q := store.SessionQuery{Unknown: true, Limit: unknownPage}
	for seen := 0; seen < maxUnknown && len(i.why.Likely) < maxLikely; {
		page, err := i.store.Sessions(ctx, q)
		if err != nil {
			return err
		}
		for _, s := range page {
			if len(i.own) > 0 && s.ID < i.own[0].ID || len(i.why.Likely) >= maxLikely {
				return nil
			}
			because := match.because(s)
			if because == "" || slices.ContainsFunc(i.why.Attempts, func(r Reason) bool { return r.Session.ID == s.ID }) {
				continue
			}
			r, err := i.explain(ctx, s)
			if err != nil {
				return err
			}
			i.why.Likely = append(i.why.Likely, Likeness{r, because})
		}
		if seen += len(page); len(page) < unknownPage {
			return nil
		}
		q.Before = page[len(page)-1].ID
	}
	return nil
}

// A likeness tells attempts that may be those of one device.
type likeness struct {
	names    []string
	matchers []*near.Matcher
	host     string // that the device came from last; empty where it is not known
}

func newLikeness(d store.Device, own []store.Session) likeness {
	l := likeness{names: []string{string(d.Endpoint)}}
	for _, c := range d.Credentials {
		if c.Kind != store.CredentialCertificate && !slices.Contains(l.names, c.Identity) {
			l.names = append(l.names, c.Identity)
		}
	}
	for _, name := range l.names {
		l.matchers = append(l.matchers, near.New(name))
	}
	if len(own) > 0 {
		l.host = outcome.HostOf(own[0].Remote)
	}
	return l
}

// because says why s may be an attempt of the device; empty where nothing says so.
func (l likeness) because(s store.Session) string {
	given := []string{string(s.Endpoint)}
	if s.Cause == store.CauseIdentityUnknown {
		given = append(given, s.Identity)
	}
	for _, name := range given {
		for i, m := range l.matchers {
			if name != "" && m.Near(name) != store.NotNear {
				return fmt.Sprintf("it gave %q, and the record has %q", name, l.names[i])
			}
		}
	}
	if l.host != "" && s.Endpoint == "" && s.Identity == "" && s.Network == "" && outcome.HostOf(s.Remote) == l.host {
		return "it came from " + l.host + ", as the device did last, and told nothing of who it is"
	}
	return ""
}
