package why

import (
	"context"
	"fmt"
	"time"

	"lwbs/bootstrap/explain"
)

// waiting tells that a device which gave the name, or has the ID, is on the list, where no attempt
// that is told of says so: after a crash of the server there is none.
func (i *inquiry) waiting(ctx context.Context) error {
	list, err := i.live.PendingDevices(ctx)
	if err != nil {
		return err
	}
	told := func(id string) bool {
		if i.why.Running != nil && i.why.Running.Session.Pending == id {
			return true
		}
		for _, r := range i.why.Attempts {
			if r.Session.Pending == id {
				return true
			}
		}
		return false
	}
	for _, p := range list {
		if string(p.Endpoint) != i.asked() && p.ID != i.why.Name || told(p.ID) {
			continue
		}
		approve := fmt.Sprintf("lwbs pending approve %s --profile PROFILE", p.ID)
		e := explain.Explanation{Stage: "waiting for approval", Remedy: fmt.Sprintf("Approve it, if it is one of yours: %s. It is served when it comes again. Else lwbs pending reject %s.", approve, p.ID)}
		e.Happened = fmt.Sprintf("An unknown device of this name is on the list of pending devices since %s, as %s (lwbs pending list).", p.First.UTC().Format(time.DateTime+" UTC"), p.ID)
		if !p.Rejected.IsZero() {
			e = explain.Explanation{Stage: "rejected", Remedy: fmt.Sprintf("Nothing, if it is none of yours. Else %s approves it after all.", approve)}
			e.Happened = fmt.Sprintf("An unknown device of this name was rejected at %s, as %s.", p.Rejected.UTC().Format(time.DateTime+" UTC"), p.ID)
		}
		if i.why.Running == nil && len(i.why.Attempts) == 0 && i.why.Never == nil {
			i.why.Never = &e
			continue
		}
		i.note("%s %s", e.Happened, e.Remedy)
	}
	return nil
}
