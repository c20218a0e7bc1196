package audit

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
)

// PutDevices implements [admin.API]. A batch is one entry, however many rows it has: it is stored before the first row,
// and has the counts once the batch has ended. One that says that it is running is of a server that was killed, or of
// a batch that is under way.
func (a *API) PutDevices(ctx context.Context, o admin.BatchOptions, rows iter.Seq[admin.BatchRow], each func(admin.BatchResult) error) error {
	if o.DryRun {
		return a.API.PutDevices(ctx, o, rows, each)
	}
	entry, err := a.log.AppendAudit(ctx, access.EntryOf(a.as(ctx), "device import", "", "running"))
	if err != nil {
		return fmt.Errorf("nothing was put, as it cannot be noted: %w", err)
	}
	counts := make(map[admin.BatchOutcome]int)
	err = a.API.PutDevices(ctx, o, rows, func(r admin.BatchResult) error {
		counts[r.Outcome]++
		return each(r)
	})
	detail := tally(counts)
	if err != nil {
		detail += "; it ended early"
	}
	_ = a.log.AmendAudit(context.WithoutCancel(ctx), entry.ID, detail) // else it says that it is running
	return err
}

// tally tells how many rows had which outcome.
func tally(counts map[admin.BatchOutcome]int) string {
	var parts []string
	for _, o := range []admin.BatchOutcome{admin.BatchAdded, admin.BatchChanged, admin.BatchSame, admin.BatchRefused} {
		if counts[o] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[o], o))
		}
	}
	if len(parts) == 0 {
		return "no devices"
	}
	return strings.Join(parts, ", ")
}
