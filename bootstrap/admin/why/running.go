package why

import (
	"context"
	"net/netip"
	"slices"

	"lwbs/bootstrap/explain"
	"lwbs/store"
)

// runningUnder sets the newest session that matches as the one that runs, and notes how many others
// do.
func (i *inquiry) runningUnder(matches func(store.Session) bool) {
	running := slices.DeleteFunc(slices.Clone(i.active), func(s store.Session) bool { return !matches(s) })
	if len(running) == 0 {
		return
	}
	newest := running[len(running)-1]
	i.why.Running = &Reason{newest, explain.Session(newest)}
	if others := len(running) - 1; others == 1 {
		i.note("1 more session is running from there: lwbs session list shows it.")
	} else if others > 1 {
		i.note("%d more sessions are running from there: lwbs session list shows them.", others)
	}
}

// runningFrom is runningUnder for an address.
func (i *inquiry) runningFrom(a netip.Addr) {
	i.runningUnder(func(s store.Session) bool { return cameFrom(s, a) })
}

// runningWith is runningUnder for an identity, such as the fingerprint of a certificate that no
// record names, but whose names one does; or for the name, or the ID, of an unknown device that
// waits for approval.
func (i *inquiry) runningWith(name string) {
	i.runningUnder(func(s store.Session) bool {
		return s.Identity == name || s.Pending != "" && (s.Pending == name || string(s.Endpoint) == name)
	})
}

// explainRunning explains the session that is running once more, by the records as they are now,
// where its device waits for approval.
func (i *inquiry) explainRunning(ctx context.Context) error {
	r := i.why.Running
	if r == nil || r.Session.Pending == "" {
		return nil
	}
	explained, err := i.explain(ctx, r.Session)
	if err != nil {
		return err
	}
	*r = explained
	return nil
}
