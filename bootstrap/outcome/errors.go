package outcome

import "errors"

// Why the server itself ended a piece of work.
var (
	// ErrPanicked: the server panicked, which its log tells of.
	ErrPanicked = errors.New("the server panicked; its log has the stack")

	// ErrBusy: a limit of the server was reached.
	ErrBusy = errors.New("the server is busy")
)
