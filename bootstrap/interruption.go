package bootstrap

import (
	"context"
	"errors"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// lookingUp returns the context for the look-ups of a request. They go on where its
// association ends meanwhile: they are quick, what is recorded of the attempt is to be
// right, and a store that was not left to answer is none that fails.
func lookingUp(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), lookUpTimeout)
}

// interruption is why something that was to be done for a client was not: since ctx has
// ended, of its session or its association. When is what that was, as the second half of a
// sentence. It is nil where ctx has not ended.
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
