package access

import (
	"errors"
	"fmt"
	"time"
)

// The errors that callers branch on.
var (
	// ErrUnauthenticated: nothing that is valid says who sends the request.
	ErrUnauthenticated = errors.New("not authenticated")

	// ErrForbidden: the role of the principal is too low.
	ErrForbidden = errors.New("not permitted")

	// ErrWrong: there is no user of this name with this password. It does not tell which of both is wrong.
	ErrWrong = errors.New("user name or password is wrong")

	// ErrTries: there were too many tries to log in. A [*TriesError] wraps it.
	ErrTries = errors.New("too many tries to log in")

	// ErrNoLogIn: the browser has no log-in at an issuer under way. It counts as no try, as pages of other sites can
	// have browsers ask so.
	ErrNoLogIn = errors.New("the browser has no log-in under way")

	// ErrBusy: too many log-ins are being checked at the moment.
	ErrBusy = errors.New("too many log-ins at the moment: try again in some seconds")
)

// A TriesError says when the next try to log in is possible.
type TriesError struct{ Wait time.Duration }

// Error tells for how long to wait.
func (e *TriesError) Error() string { return fmt.Sprintf("%v: try again in %v", ErrTries, e.Wait) }

// Unwrap returns ErrTries.
func (e *TriesError) Unwrap() error { return ErrTries }

// A ForbiddenError says which role is needed.
type ForbiddenError struct {
	Principal Principal
	Needed    Role
}

// Error names both roles.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%v: %s has the role %v, and this needs %v", ErrForbidden, e.Principal.Name, e.Principal.Role, e.Needed)
}

// Unwrap returns ErrForbidden.
func (e *ForbiddenError) Unwrap() error { return ErrForbidden }
