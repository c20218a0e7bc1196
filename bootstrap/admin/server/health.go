package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// Health returns the handlers, by pattern, that tell whether the process is alive
// (/healthz) and whether it can serve devices (/readyz): the records behind api answer,
// and it is not about to stop. A log that is dropped, or a disk that takes no writes, keeps no
// device with keys from being served: /readyz says so in its text. They change nothing and tell nothing
// else, so that they need no authorisation.
func Health(api admin.API) map[string]http.Handler {
	ok := func(w http.ResponseWriter) { fmt.Fprintln(w, "ok") }
	return map[string]http.Handler{
		alivePattern: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w) }),
		readyPattern: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			st := runningStatus(api)
			ctx, cancel := context.WithTimeout(r.Context(), readyPatience)
			defer cancel()
			_, err := api.Profiles(ctx, store.ProfileQuery{Limit: 1}) // not Status, which counts all records
			switch {
			case errors.Is(err, store.ErrUnreachable):
				http.Error(w, "the database cannot be reached", http.StatusServiceUnavailable)
			case err != nil:
				http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			case st.Draining:
				http.Error(w, "the server is about to stop", http.StatusServiceUnavailable)
			case st.WriteWait > 0: // devices are served with what they have
				fmt.Fprintf(w, "ok, but the disk has not taken a write for %d s: edits, new keys and the history wait for it\n", st.WriteWait)
			case st.LogBlocked: // devices are served all the same
				fmt.Fprintf(w, "ok, but the log is not read: %d records were dropped\n", st.LogDropped)
			default:
				ok(w)
			}
		}),
	}
}

// readyPatience is for how long /readyz waits for the database.
const readyPatience = 2 * time.Second

// alive and ready answer as Health does.
func (s *Server) alive(w http.ResponseWriter, r *http.Request) {
	s.health[alivePattern].ServeHTTP(w, r)
}
func (s *Server) ready(w http.ResponseWriter, r *http.Request) {
	s.health[readyPattern].ServeHTTP(w, r)
}

// serveMetrics answers with what Prometheus scrapes.
func (s *Server) serveMetrics(w http.ResponseWriter, r *http.Request) {
	if s.metrics == nil {
		writeProblem(w, wire.ProblemOf(fmt.Errorf("%w: there are no metrics here", wire.ErrNoRoute)))
		return
	}
	s.metrics.ServeHTTP(w, r)
}

// The patterns of Health.
const (
	alivePattern = "GET /healthz"
	readyPattern = "GET /readyz"
)

// runningStatus is what the server behind api tells of itself, without its records.
func runningStatus(api admin.API) admin.Status {
	if over, ok := api.(interface{ Unwrap() admin.API }); ok {
		return runningStatus(over.Unwrap())
	}
	if local, ok := api.(*admin.Local); ok && local.Server != nil {
		return local.Server()
	}
	return admin.Status{}
}

// Starting returns the handler for the time in which a server opens its database: it is alive
// and not ready, and can do nothing yet. How tells how far it is.
func Starting(how func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	for _, pattern := range []string{"GET /readyz", "GET /metrics"} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, how(), http.StatusServiceUnavailable)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, wire.ProblemOf(fmt.Errorf("%w: %s", admin.ErrStarting, how())))
	})
	return mux
}
