package outcome

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Failure is why an attempt did not end well.
type Failure struct {
	Cause   store.Cause
	Detail  string        // for the operator: one line, never with a secret
	Variant store.Variant // where the remedy depends on it
}

// Failed returns the Failure of this cause; detail is a format for args.
func Failed(cause store.Cause, detail string, args ...any) *Failure {
	return &Failure{Cause: cause, Detail: fmt.Sprintf(detail, args...)}
}

// Panicked is the failure of what was ended by a panic of the server.
func Panicked() *Failure { return Failed(store.CauseInternal, "%v", ErrPanicked) }

// EndOf is the end, now, of what began at started: as much later as it took, also where
// the clock was set in between.
func EndOf(started time.Time) time.Time { return started.Add(time.Since(started)) }

// A Refusal is the answer to a Bootstrap-Request that starts no session.
type Refusal struct {
	Failure
	Code  lwm2m.Code
	Reply string // to the client: short, and nothing that helps to guess

	// ComeAgain is after what time the client may try again; zero says nothing of it.
	ComeAgain time.Duration

	// Unknown is whether the answer is that to an unknown device: see [Unacceptable].
	Unknown bool
}

// BadRequest refuses a request that breaks the specification.
func BadRequest(reply, detail string, args ...any) *Refusal {
	return &Refusal{Failure: *Failed(store.CauseBadRequest, detail, args...), Code: lwm2m.CodeBadRequest, Reply: reply}
}

// Unacceptable refuses a client that may not bootstrap. All reasons get the same
// answer, so that an unauthenticated peer cannot find out which endpoint names exist:
// 4.00, as Core 1.1.1 §6.1.7.1 has it for an unknown name and for one that does not go
// with the identity.
func Unacceptable(cause store.Cause, detail string, args ...any) *Refusal {
	return &Refusal{Failure: *Failed(cause, detail, args...), Code: lwm2m.CodeBadRequest, Reply: "endpoint not accepted", Unknown: true}
}

// Unavailable asks the client to come back later.
func Unavailable(cause store.Cause, detail string, args ...any) *Refusal {
	return &Refusal{Failure: *Failed(cause, detail, args...), Code: lwm2m.CodeServiceUnavailable, Reply: "try again later"}
}

// ComeAgain is Unavailable with the time after which the client may try again.
func ComeAgain(f Failure, after time.Duration) *Refusal {
	return &Refusal{Failure: f, Code: lwm2m.CodeServiceUnavailable, Reply: "try again later", ComeAgain: max(after, time.Second)}
}

// OwnFault refuses for a reason that is not the client's.
func OwnFault(f Failure) *Refusal {
	return &Refusal{Failure: f, Code: lwm2m.CodeInternalServerError, Reply: "server error"}
}

// IsUnreadable reports whether the store answered that a part of it cannot be read: another try does not help.
func IsUnreadable(err error) bool {
	return errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrNewer)
}

// StoreFault logs an error of the store and returns what may be told of it. A part that
// cannot be read has a cause of its own: the store itself tells of it, and once.
func StoreFault(log *slog.Logger, err error) Failure {
	if IsUnreadable(err) {
		return *Failed(store.CauseUnreadable, "%s", Printable(err.Error(), MaxError))
	}
	log.Error("store does not answer", "error", err)
	return *Failed(store.CauseInternal, "the store failed: %s", Printable(err.Error(), MaxError))
}
