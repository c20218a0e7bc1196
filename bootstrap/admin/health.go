package admin

import (
	"fmt"
	"net/http"

	"lwbs/store"
)

// Health returns the handlers, by pattern, that tell whether the process is alive
// (/healthz) and whether it can serve devices, since the records behind api answer
// (/readyz). They change nothing and tell nothing else, so that anybody may ask.
func Health(api API) map[string]http.Handler {
	ok := func(w http.ResponseWriter) { fmt.Fprintln(w, "ok") }
	return map[string]http.Handler{
		"GET /healthz": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { ok(w) }),
		"GET /readyz": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, err := api.Profiles(r.Context(), store.ProfileQuery{Limit: 1}); err != nil {
				http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
				return
			}
			ok(w)
		}),
	}
}
