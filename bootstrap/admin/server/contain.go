package server

import (
	"errors"
	"fmt"
	"net/http"

	"lwbs/bootstrap/admin/wire"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
)

// Contain returns h, where a panic ends the request that it came from with status 500, or where
// the answer has begun, with the end of the connection.
func Contain(h http.Handler, guard *panics.Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := &begunWriter{ResponseWriter: w}
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, is := p.(error); !is || !errors.Is(err, http.ErrAbortHandler) {
				guard.Note(panics.Administration, p)
			}
			if begun.begun {
				panic(http.ErrAbortHandler) // as half an answer must not be taken for a whole one
			}
			writeProblem(w, wire.ProblemOf(fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, outcome.ErrPanicked)))
		}()
		h.ServeHTTP(begun, r)
	})
}

// A begunWriter knows whether the answer has begun.
type begunWriter struct {
	http.ResponseWriter
	begun bool
}

// WriteHeader implements [http.ResponseWriter].
func (w *begunWriter) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *begunWriter) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (w *begunWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
