package session

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
	"lwbs/cmd/lwbs/internal/view"
	"lwbs/store"
)

// maxGrouped is how many records a list of failures is made from.
const maxGrouped = 10_000

// A failure stands for the attempts of one device, or one unknown peer, that ended with the same
// cause.
type failure struct {
	latest   store.Session
	first    time.Time
	attempts int
}

// listFailures prints at most limit failures, the latest first; zero stands for all.
func listFailures(ctx context.Context, out io.Writer, api admin.API, q store.SessionQuery, limit int) error {
	q.Limit = maxGrouped
	page, err := api.Sessions(ctx, q)
	if err != nil {
		return err
	}
	failures := groupFailures(page)
	shown := failures
	if limit > 0 {
		shown = failures[:min(limit, len(failures))]
	}
	t := output.NewTable(out, "LAST", "FIRST", "TIMES", "ENDPOINT", "FROM", "STAGE", "CAUSE", "LAST ID")
	for _, f := range shown {
		s := f.latest
		t.Row(output.Clock(view.LastTime(s)), output.Clock(f.first), fmt.Sprint(f.attempts), view.Name(s), view.From(s), string(s.Stage), string(s.Cause), s.ID)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if rest := len(failures) - len(shown); rest > 0 {
		fmt.Fprintf(out, "and %d more: raise --limit\n", rest)
	}
	if len(page) == maxGrouped {
		fmt.Fprintf(out, "the last %d sessions that failed were counted; for those before, add --before %s\n", maxGrouped, page[len(page)-1].ID)
	}
	return nil
}

// groupFailures groups records by who failed, over which transport and why; the latest first.
func groupFailures(page []store.Session) []failure {
	type key struct {
		who, transport string
		cause          store.Cause
		proved         bool
	}
	groups := make(map[key]*failure)
	for _, s := range page {
		k := key{who(s), s.Transport, s.Cause, s.Proof.Counts()}
		f := groups[k]
		if f == nil {
			f = &failure{latest: s}
			groups[k] = f
		}
		f.first = s.Started
		f.attempts += max(1, s.Attempts)
	}
	out := make([]failure, 0, len(groups))
	for _, f := range groups {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b failure) int {
		return cmp.Or(view.LastTime(b.latest).Compare(view.LastTime(a.latest)), cmp.Compare(b.latest.ID, a.latest.ID))
	})
	return out
}

// who names whose attempt it was: by the endpoint name, else by the identity, else by the host.
func who(s store.Session) string {
	if s.Endpoint == "" && s.Identity == "" && s.Claimed == "" && s.Network == "" {
		host, _, _ := net.SplitHostPort(s.Remote)
		return "host " + host
	}
	return view.Name(s)
}
