package exchange

import "lwbs/bootstrap/coap/tasks"

// A Scheduler decides when the handlers of requests run. Its methods may be called
// concurrently.
type Scheduler interface {
	// Schedule runs handle in a goroutine, at once or later, and reports whether it does: not
	// once the listener ends.
	Schedule(handle func()) bool

	// AwaitValidation notes that a handler begins to wait for a peer that may never answer, as
	// its address is not validated. Call resume when that is over.
	AwaitValidation() (resume func())

	// Hurries reports whether a conn without business is to end at once, rather than to wait
	// for its peer to close it.
	Hurries() bool
}

// immediate is the [Scheduler] that lets every handler run at once.
type immediate struct{ tasks *tasks.Group }

// Schedule implements [Scheduler].
func (s immediate) Schedule(handle func()) bool { return s.tasks.Go(handle) }

// AwaitValidation implements [exchange.Scheduler].
func (s immediate) AwaitValidation() (resume func()) { return func() {} }

// Hurries implements [exchange.Scheduler].
func (s immediate) Hurries() bool { return false }
