package admin

import (
	"fmt"
	"net/http"

	"lwbs/store"
)

// Health returns the handlers, by pattern, that tell whether the process is alive
// (/healthz) and whether it can serve devices (/readyz): the records behind api answer,
// and it is not about to stop. A log that is dropped keeps no device from being served: /readyz
// says so in its text. They change nothing and tell nothing else, so that anybody may ask.
func Health(api API) map[string]http.Handler {
	ok := func(w http.ResponseWriter) { fmt.Fprintln(w, "ok") }
	return map[string]http.Handler{
		"GET /healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w) }),
		"GET /readyz": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			st := runningStatus(api)
			_, err := api.Profiles(r.Context(), store.ProfileQuery{Limit: 1}) // not Status, which counts all records
			switch {
			case err != nil:
				http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			case st.Draining:
				http.Error(w, "the server is about to stop", http.StatusServiceUnavailable)
			case st.LogBlocked: // devices are served all the same
				fmt.Fprintf(w, "ok, but nobody takes the log: %d records were dropped\n", st.LogDropped)
			default:
				ok(w)
			}
		}),
	}
}

// runningStatus is what the server behind api tells of itself, without its records.
func runningStatus(api API) Status {
	if local, ok := api.(*Local); ok && local.Server != nil {
		return local.Server()
	}
	return Status{}
}
