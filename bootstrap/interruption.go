package bootstrap

import (
	"context"
	"errors"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// interruption is why ctx, that of a session or of an association, has ended; nil where it has
// not. When is what was interrupted, as the second half of a sentence.
func interruption(ctx context.Context, when string) *outcome.Failure {
	why := context.Cause(ctx)
	var superseded *supersededError
	var late *deadlineError
	var crowded *crowdedError
	switch {
	case why == nil:
		return nil
	case errors.As(why, &superseded):
		return outcome.Failed(store.CauseSuperseded, "the client sent a new Bootstrap-Request%s", when)
	case errors.Is(why, outcome.ErrBusy):
		return outcome.Failed(store.CauseBusy, "all associations were taken, and this one made room as its client had not answered%s", when)
	case errors.Is(why, ErrStopping):
		return outcome.Failed(store.CauseStopped, "the server was stopped%s", when)
	case errors.As(why, &crowded):
		return outcome.Failed(store.CauseBusy, "%d requests over plain CoAP waited for a first answer, which is the limit, and this was the oldest of them%s", crowded.limit, when)
	case errors.As(why, &late):
		return outcome.Failed(store.CauseDeadline, "the session took %v, which is the limit%s", late.limit, when)
	}
	return outcome.Failed(store.CauseGone, "the association ended%s", when)
}
