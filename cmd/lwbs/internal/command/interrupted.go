package command

import "context"

// An InterruptedError says that a command was interrupted, and what became of its work.
type InterruptedError struct{ became string }

// Interrupted returns an InterruptedError.
func Interrupted(became string) error { return &InterruptedError{became} }

func (e *InterruptedError) Error() string { return "interrupted: " + e.became }

// Unwrap is what an interruption is for those that look for it.
func (e *InterruptedError) Unwrap() error { return context.Canceled }
