// Package server answers the admin API over HTTP: [Server] has its routes, [Serve] listens with it
// on a Unix socket, and [Health] is what monitoring asks.
//
// The OpenAPI document in this folder describes the routes; tests hold the two together.
package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// A Server answers the admin API over HTTP. It is an [http.Handler]; [Serve] listens
// with it on a Unix socket.
type Server struct {
	api    admin.API
	log    *slog.Logger
	routes *http.ServeMux
}

// A route is one method of one path. The OpenAPI document lists them all.
type route struct {
	pattern string   // as http.ServeMux has it
	query   []string // the parameters it takes
	maxBody int64    // bytes; zero where it takes no body
	serve   func(s *Server, r request) (reply, error)
}

// A reply is what a route answers with.
type reply struct {
	body     any
	revision store.Revision // zero for none
	next     url.Values     // the query of the next page; nil where there is none
}

var routes = []route{
	{"GET /v1/status", nil, 0, (*Server).status},
	{"GET /v1/devices", append([]string{"after", "limit"}, filterParameters...), 0, (*Server).devices},
	{"GET /v1/fleet", filterParameters, 0, (*Server).fleet},
	{"POST /v1/devices/{endpoint}", nil, maxBody, devices.post},
	{"PATCH /v1/devices/{endpoint}", nil, maxBody, devices.patch},
	{"GET /v1/devices/{endpoint}", []string{"reveal"}, 0, devices.read},
	{"DELETE /v1/devices/{endpoint}", nil, 0, devices.delete},
	{"POST /v1/devices/{endpoint}/preview", nil, maxBody, (*Server).preview},
	{"POST /v1/devices/{endpoint}/rename", nil, maxBody, (*Server).renameDevice},
	{"GET /v1/profiles", []string{"after", "limit"}, 0, (*Server).profiles},
	{"POST /v1/profiles", nil, maxProfiles, (*Server).applyProfiles},
	{"GET /v1/profiles/{name}", nil, 0, (*Server).profile},
	{"GET /v1/profiles/{name}/revisions", nil, 0, (*Server).profileRevisions},
	{"PUT /v1/profiles/{name}", []string{"allowFailing", "dryRun", "examine", "replaceKeys"}, maxBody, (*Server).applyProfile},
	{"DELETE /v1/profiles/{name}", nil, 0, (*Server).deleteProfile},
	{"GET /v1/groups", nil, 0, (*Server).groups},
	{"POST /v1/groups/{name}", nil, maxBody, groups.post},
	{"PATCH /v1/groups/{name}", nil, maxBody, groups.patch},
	{"GET /v1/groups/{name}", []string{"reveal"}, 0, groups.read},
	{"DELETE /v1/groups/{name}", nil, 0, groups.delete},
	{"GET /v1/pending", nil, 0, (*Server).pendingDevices},
	{"POST /v1/pending/{id}/approve", nil, maxBody, (*Server).approvePending},
	{"POST /v1/pending/{id}/reject", nil, 0, (*Server).rejectPending},
	{"GET /v1/lwm2m-servers", nil, 0, (*Server).lwm2mServers},
	{"POST /v1/lwm2m-servers/{name}", nil, maxBody, lwm2mServers.post},
	{"PATCH /v1/lwm2m-servers/{name}", nil, maxBody, lwm2mServers.patch},
	{"GET /v1/lwm2m-servers/{name}", []string{"reveal"}, 0, lwm2mServers.read},
	{"DELETE /v1/lwm2m-servers/{name}", nil, 0, lwm2mServers.delete},
	{"POST /v1/lwm2m-servers/{name}/test", nil, 0, (*Server).testLwM2MServer},
	{"GET /v1/campaigns", nil, 0, (*Server).campaigns},
	{"POST /v1/campaigns", nil, maxBody, (*Server).rebootstrap},
	{"GET /v1/campaigns/{id}", nil, 0, (*Server).campaign},
	{"GET /v1/campaigns/{id}/devices", []string{"after", "limit", "open"}, 0, (*Server).campaignDevices},
	{"POST /v1/campaigns/{id}/pause", nil, 0, setCampaign(admin.PauseCampaign)},
	{"POST /v1/campaigns/{id}/resume", nil, 0, setCampaign(admin.ResumeCampaign)},
	{"POST /v1/campaigns/{id}/cancel", nil, 0, setCampaign(admin.CancelCampaign)},
	{"GET /v1/outbox", nil, 0, (*Server).outboxReceivers},
	{"GET /v1/outbox/messages", []string{"receiver", "endpoint", "dead", "after", "limit"}, 0, (*Server).messages},
	{"GET /v1/outbox/messages/{id}", nil, 0, (*Server).message},
	{"POST /v1/outbox/retry", nil, maxBody, (*Server).retryMessages},
	{"POST /v1/outbox/drop", nil, maxBody, (*Server).dropMessages},
	{"GET /v1/sessions", []string{"before", "endpoint", "failed", "identity", "limit", "own", "unknown"}, 0, (*Server).sessions},
	{"GET /v1/sessions/running", nil, 0, (*Server).runningSessions},
	{"GET /v1/sessions/{id}", nil, 0, (*Server).session},
	{"GET /v1/sessions/{id}/explanation", nil, 0, (*Server).explanation},
	{"GET /v1/failures", []string{"examples"}, 0, (*Server).failures},
	{"GET /v1/why/{name}", []string{"limit"}, 0, (*Server).why},
	{"GET /v1/unreadable", nil, 0, (*Server).unreadable},
	{"POST /v1/check", nil, 0, (*Server).check},
	{"POST /v1/backup", nil, maxBody, (*Server).backup},
}

const (
	eventsPattern  = "GET /v1/events"
	openapiPattern = "GET /v1/openapi.yaml"
	contentPattern = "POST /v1/backup/content"
	batchPattern   = "POST /v1/devices"
	tracePattern   = "POST /v1/trace"
)

// New returns a Server over api. Extra are further patterns, such as
// "GET /metrics".
func New(api admin.API, log *slog.Logger, extra map[string]http.Handler) *Server {
	s := &Server{api: api, log: log, routes: http.NewServeMux()}
	for _, rt := range routes {
		s.routes.HandleFunc(anyName(rt.pattern), func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, rt) })
	}
	s.routes.HandleFunc(eventsPattern, s.events)
	s.routes.HandleFunc(openapiPattern, serveOpenAPI)
	s.routes.HandleFunc(contentPattern, s.backupContent)
	s.routes.HandleFunc(batchPattern, s.putDevices)
	s.routes.HandleFunc(tracePattern, s.trace)
	for pattern, h := range profiling {
		s.routes.Handle(pattern, h)
	}
	for _, handlers := range []map[string]http.Handler{Health(api), extra} {
		for pattern, h := range handlers {
			s.routes.Handle(pattern, h)
		}
	}
	return s
}

// answer runs a route and writes what comes of it, and logs whoever changed or
// revealed something.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rt route) {
	out, reveal, err := s.run(w, r, rt)
	if r.Method != http.MethodGet && r.Method != http.MethodHead || reveal {
		caller := callerOf(r.Context())
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "administration",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Bool("reveal", reveal),
			slog.Int("uid", caller.UID), slog.Int("pid", caller.PID), slog.Bool("done", err == nil))
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

// run reads a request and serves it.
func (s *Server) run(w http.ResponseWriter, r *http.Request, rt route) (out reply, reveal bool, err error) {
	r.Body = http.MaxBytesReader(w, r.Body, max(rt.maxBody, 1))
	req, err := parse(r, rt.query)
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
