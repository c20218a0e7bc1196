// Package server answers the admin API over HTTP: [Server] has its routes, [Serve] listens with it
// on a Unix socket, and [Health] is what monitoring asks.
//
// The OpenAPI document in this folder describes the routes; tests hold the two together.
package server

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// A Server answers the admin API over HTTP. It is an [http.Handler]; [Serve] listens
// with it on a Unix socket.
type Server struct {
	api     admin.API
	log     *slog.Logger
	metrics http.Handler
	health  map[string]http.Handler // by pattern
	routes  *http.ServeMux
	roles   map[string]access.Role // by the pattern of routes
	readers readers                // of events
}

// A reply is what a route answers with.
type reply struct {
	body     any
	revision store.Revision // zero for none
	next     url.Values     // the query of the next page; nil where there is none
}

// New returns a Server over api. Metrics answers GET /metrics; nil for nothing there.
func New(api admin.API, log *slog.Logger, metrics http.Handler) *Server {
	s := &Server{api: api, log: log, metrics: metrics, health: Health(api), routes: http.NewServeMux(), roles: make(map[string]access.Role)}
	for _, rt := range routes {
		pattern := anyName(rt.pattern)
		s.roles[pattern] = rt.role
		if rt.handle != nil {
			s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { rt.handle(s, w, r) })
			continue
		}
		s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, rt) })
	}
	return s
}

// answer runs a route and writes what comes of it, and logs whoever changed or
// revealed something.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rt route) {
	out, reveal, err := s.run(w, r, rt)
	if r.Method != http.MethodGet && r.Method != http.MethodHead || reveal {
		s.note(r, slog.Bool("reveal", reveal), slog.Bool("done", err == nil))
	}
	if err != nil {
		p := wire.ProblemOf(err)
		if p.Status == http.StatusInternalServerError && r.Context().Err() == nil { // else the caller has gone
			s.log.LogAttrs(r.Context(), slog.LevelError, "administration failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		}
		writeProblem(w, p)
		return
	}
	if out.revision != 0 {
		w.Header().Set("ETag", wire.ETag(out.revision))
	}
	if out.next != nil {
		w.Header().Set("Link", fmt.Sprintf(`<%s?%s>; rel="next"`, r.URL.EscapedPath(), out.next.Encode()))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(out.body)
}

// note logs who changed or revealed something.
func (s *Server) note(r *http.Request, more ...slog.Attr) {
	attrs := append([]slog.Attr{slog.String("method", r.Method), slog.String("path", r.URL.Path)}, more...)
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "administration", append(attrs, principalAttrs(r.Context())...)...)
}

// principalAttrs tell whose request it is.
func principalAttrs(ctx context.Context) []slog.Attr {
	p, _ := access.From(ctx)
	return []slog.Attr{slog.String("name", p.Name), slog.String("way", p.Way), slog.String("from", p.Address)}
}

// run reads a request and serves it.
func (s *Server) run(w http.ResponseWriter, r *http.Request, rt route) (out reply, reveal bool, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, max(rt.maxBody, 1))
	req, err := parse(withBulk(r), rt.query)
	if err == nil {
		reveal, err = req.boolean("reveal")
	}
	if err == nil && rt.maxBody == 0 {
		err = req.noBody()
	}
	if err == nil {
		out, err = rt.serve(s, req)
	}
	return out, reveal, err
}
