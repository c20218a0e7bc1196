package server

import (
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"

	"lwbs/bootstrap/admin/access"
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
	if err := s.permitted(r); err != nil {
		Refuse(w, r, err)
		return
	}
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

// Needed returns the least role that may send a request. What there is no route for needs that of a viewer, so that
// no one else learns what there is.
func (s *Server) Needed(r *http.Request) access.Role {
	least := access.Viewer
	if s.serves(r, r.Method) {
		_, pattern := s.routes.Handler(r)
		least = s.roles[pattern]
	}
	if slices.ContainsFunc(r.URL.Query()["reveal"], func(v string) bool { return v != "false" }) {
		least = access.Admin
	}
	return least
}

// permitted returns why the principal of a request may not send it; nil where that one may.
func (s *Server) permitted(r *http.Request) error {
	least := s.Needed(r)
	p, ok := access.From(r.Context())
	switch {
	case p.Role.Allows(least):
		return nil
	case !ok:
		return fmt.Errorf("%w: send a token in the header Authorization, as: Bearer TOKEN", access.ErrUnauthenticated)
	}
	return &access.ForbiddenError{Principal: p, Needed: least}
}

// Refuse answers a request whose principal may not send it.
func Refuse(w http.ResponseWriter, _ *http.Request, err error) {
	if errors.Is(err, access.ErrUnauthenticated) {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeProblem(w, wire.ProblemOf(err))
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
