package view

import (
	"fmt"
	"strings"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
)

// OutboxText tells what an LwM2M Server is still to be told.
func OutboxText(o admin.OutboxReceiver, now time.Time) string {
	var parts []string
	if o.Queued > 0 {
		text := output.Counted(int(o.Queued), "message waits", "messages wait")
		if !o.Oldest.IsZero() {
			text += ", the oldest since " + output.Clock(o.Oldest)
		}
		parts = append(parts, text)
	}
	if o.Failures > 0 {
		text := fmt.Sprintf("it could not be reached %s", output.Counted(o.Failures, "time", "times one after the other"))
		if left := o.Again.Sub(now); left > 0 {
			text += ", the next try in " + left.Round(time.Second).String()
		}
		parts = append(parts, text+": "+output.Text(o.Reason))
	}
	if o.Dead > 0 {
		parts = append(parts, output.Counted(int(o.Dead), "dead letter", "dead letters")+" (lwbs outbox list --dead)")
	}
	if o.Lost > 0 {
		parts = append(parts, output.Counted(int(o.Lost), "message was", "messages were")+" lost, as there was no room")
	}
	return strings.Join(parts, "; ")
}
