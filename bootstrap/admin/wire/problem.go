// Package wire is what the client and the server of the admin API send each other beyond the types of
// package admin: errors, batches, bodies of requests, and JSON that is read strictly.
package wire

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/profile"
	"lwbs/bootstrap/trace"
	"lwbs/store"
)

// A Problem is an error on the wire (RFC 9457).
type Problem struct {
	Type     string            `json:"type"` // urn:lwbs:NAME of the sentinel, or about:blank
	Title    string            `json:"title"`
	Status   int               `json:"status"`
	Detail   string            `json:"detail"`
	What     string            `json:"what,omitempty"`
	Findings []profile.Finding `json:"findings,omitempty"`
	Harms    []admin.Harm      `json:"harms,omitempty"`
}

// ProblemMedia is the media type of a Problem.
const ProblemMedia = "application/problem+json"

// ErrBadRequest is wrapped by what is wrong with a request itself.
var ErrBadRequest = errors.New("bad request")

// ErrReaders: there are too many readers of events.
var ErrReaders = errors.New("too many readers of events at a time")

// ErrTooLarge is wrapped where a request has more bytes than are read.
var ErrTooLarge = errors.New("request is too large")

// ErrNoRoute and ErrNoMethod are wrapped where the API has no such path, or no such method
// of it.
var (
	ErrNoRoute  = errors.New("the admin API has no such path")
	ErrNoMethod = errors.New("the admin API has no such method here")
)

// known are the errors that keep their identity over the wire.
var known = []struct {
	name   string
	err    error
	status int
}{
	{"not-found", store.ErrNotFound, http.StatusNotFound},
	{"exists", store.ErrExists, http.StatusConflict},
	{"conflict", store.ErrConflict, http.StatusPreconditionFailed},
	{"identity-taken", store.ErrIdentityTaken, http.StatusConflict},
	{"in-use", store.ErrInUse, http.StatusConflict},
	{"invalid", store.ErrInvalid, http.StatusUnprocessableEntity},
	{"full", store.ErrFull, http.StatusInsufficientStorage},
	{"database-unreachable", store.ErrUnreachable, http.StatusServiceUnavailable},
	{"outbox-full", store.ErrOutboxFull, http.StatusInsufficientStorage},
	{"delivering", admin.ErrDelivering, http.StatusConflict},
	{"damaged", store.ErrCorrupt, http.StatusInternalServerError},
	{"session-running", admin.ErrSessionRunning, http.StatusConflict},
	{"trace-running", trace.ErrRunning, http.StatusConflict},
	{"no-server", admin.ErrNoServer, http.StatusServiceUnavailable},
	{"starting", admin.ErrStarting, http.StatusServiceUnavailable},
	{"file-exists", fs.ErrExist, http.StatusConflict},
	{"bad-request", ErrBadRequest, http.StatusBadRequest},
	{"too-large", ErrTooLarge, http.StatusRequestEntityTooLarge},
	{"unauthenticated", access.ErrUnauthenticated, http.StatusUnauthorized},
	{"forbidden", access.ErrForbidden, http.StatusForbidden},
	{"wrong-password", access.ErrWrong, http.StatusForbidden},
	{"tries", access.ErrTries, http.StatusTooManyRequests},
	{"busy", access.ErrBusy, http.StatusServiceUnavailable},
	{"too-many-readers", ErrReaders, http.StatusServiceUnavailable},
	{"no-route", ErrNoRoute, http.StatusNotFound},
	{"no-method", ErrNoMethod, http.StatusMethodNotAllowed},
}

// ProblemOf puts err on the wire.
func ProblemOf(err error) Problem {
	var invalid *admin.InvalidError
	if errors.As(err, &invalid) {
		return Problem{Type: "urn:lwbs:findings", Title: "invalid", Status: http.StatusUnprocessableEntity, Detail: oneLine(err), What: invalid.What, Findings: invalid.Findings}
	}
	var harm *admin.HarmError
	if errors.As(err, &harm) {
		return Problem{Type: "urn:lwbs:devices-harmed", Title: "devices would be harmed", Status: http.StatusConflict, Detail: oneLine(err), Harms: harm.Harms}
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return Problem{Type: "urn:lwbs:" + k.name, Title: k.err.Error(), Status: k.status, Detail: err.Error()}
		}
	}
	return Problem{Type: "about:blank", Title: "internal error", Status: http.StatusInternalServerError, Detail: err.Error()}
}

// oneLine is the text of an error whose parts are told one by one, too.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// A remoteError is an error of the server: its text, and what it wraps.
type remoteError struct {
	text string
	err  error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.err }

// Err is the error again.
func (p Problem) Err() error {
	if p.Type == "urn:lwbs:findings" {
		return &admin.InvalidError{What: p.What, Findings: p.Findings}
	}
	if p.Type == "urn:lwbs:devices-harmed" {
		return &admin.HarmError{Harms: p.Harms}
	}
	for _, k := range known {
		if p.Type == "urn:lwbs:"+k.name {
			return &remoteError{p.Detail, k.err}
		}
	}
	return fmt.Errorf("the server reports: %s", p.Detail)
}
