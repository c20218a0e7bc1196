package server

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"lwbs/bootstrap/admin/wire"
)

// anyName is a pattern whose last segment may be any name: to an [http.ServeMux], "/" is
// none.
func anyName(pattern string) string {
	if strings.HasSuffix(pattern, "}") {
		return strings.TrimSuffix(pattern, "}") + "...}"
	}
	return pattern
}

// ServeHTTP implements [http.Handler]. What the mux would send elsewhere, or refuse in
// plain text, is a problem.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.serves(r, r.Method) {
		s.routes.ServeHTTP(w, r)
		return
	}
	what := wire.Quoted(r.Method) + " " + wire.Quoted(r.URL.Path)
	var possible []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if s.serves(r, method) {
			possible = append(possible, method)
		}
	}
	if len(possible) > 0 {
		allow := strings.Join(possible, ", ")
		w.Header().Set("Allow", allow)
		writeProblem(w, wire.ProblemOf(fmt.Errorf("%w: %s: possible: %s", wire.ErrNoMethod, what, allow)))
		return
	}
	writeProblem(w, wire.ProblemOf(fmt.Errorf("%w: %s: GET /v1/openapi.yaml lists what there is", wire.ErrNoRoute, what)))
}

// serves reports whether there is a route for r if it had that method: its path has the
// segments of a pattern, and none that is empty or leads elsewhere.
func (s *Server) serves(r *http.Request, method string) bool {
	other := *r
	other.Method = method
	_, pattern := s.routes.Handler(&other)
	_, want, _ := strings.Cut(pattern, " ")
	where := r.URL.EscapedPath()
	return pattern != "" && path.Clean(where) == where && strings.Count(where, "/") == strings.Count(want, "/")
}
