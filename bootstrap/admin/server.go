package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Server answers the admin API over HTTP. It is an [http.Handler]; [Serve] listens
// with it on a Unix socket.
type Server struct {
	api    API
	log    *slog.Logger
	routes *http.ServeMux
}

// maxBody of a request, in bytes.
const maxBody = 1 << 20

// A route is one method of one path. The OpenAPI document lists them all.
type route struct {
	pattern string // as http.ServeMux has it
	serve   func(s *Server, r *http.Request) (answer any, rev store.Revision, err error)
}

var routes = []route{
	{"GET /v1/status", (*Server).status},
	{"GET /v1/devices", (*Server).devices},
	{"POST /v1/devices/{endpoint}", (*Server).addDevice},
	{"PATCH /v1/devices/{endpoint}", (*Server).setDevice},
	{"GET /v1/devices/{endpoint}", (*Server).device},
	{"DELETE /v1/devices/{endpoint}", (*Server).deleteDevice},
	{"GET /v1/profiles", (*Server).profiles},
	{"GET /v1/profiles/{name}", (*Server).profile},
	{"PUT /v1/profiles/{name}", (*Server).applyProfile},
	{"DELETE /v1/profiles/{name}", (*Server).deleteProfile},
	{"GET /v1/sessions", (*Server).sessions},
	{"GET /v1/sessions/{id}", (*Server).session},
	{"POST /v1/check", (*Server).check},
	{"POST /v1/backup", (*Server).backup},
}

const (
	eventsPattern  = "GET /v1/events"
	openapiPattern = "GET /v1/openapi.yaml"
)

// NewServer returns a Server over api. Extra are further patterns, such as
// "GET /metrics".
func NewServer(api API, log *slog.Logger, extra map[string]http.Handler) *Server {
	s := &Server{api: api, log: log, routes: http.NewServeMux()}
	for _, rt := range routes {
		s.routes.HandleFunc(rt.pattern, func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, rt) })
	}
	s.routes.HandleFunc(eventsPattern, s.events)
	s.routes.HandleFunc(openapiPattern, serveOpenAPI)
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

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// answer runs a route and writes what comes of it, and logs whoever changed or
// revealed something.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, rt route) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	answer, rev, err := rt.serve(s, r)
	if r.Method != http.MethodGet || r.URL.Query().Has("reveal") {
		caller := callerOf(r.Context())
		s.log.LogAttrs(r.Context(), slog.LevelInfo, "administration",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Bool("reveal", r.URL.Query().Has("reveal")),
			slog.Int("uid", caller.UID), slog.Int("pid", caller.PID), slog.Bool("done", err == nil))
	}
	if err != nil {
		p := problemOf(err)
		if p.Status == http.StatusInternalServerError {
			s.log.LogAttrs(r.Context(), slog.LevelError, "administration failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		}
		writeProblem(w, p)
		return
	}
	if rev != 0 {
		w.Header().Set("ETag", etag(rev))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// body reads the JSON of a request, no unknown keys in it.
func body(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", errBadRequest, err)
	}
	return nil
}

func etag(rev store.Revision) string { return `"` + strconv.FormatUint(uint64(rev), 10) + `"` }

// revision is that of If-Match, zero where there is none.
func revision(r *http.Request) (store.Revision, error) {
	match := r.Header.Get("If-Match")
	if match == "" || match == "*" {
		return 0, nil
	}
	n, err := strconv.ParseUint(strings.Trim(match, `"`), 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%w: If-Match %q is no revision", errBadRequest, match)
	}
	return store.Revision(n), nil
}

func endpoint(r *http.Request) lwm2m.EndpointName {
	return lwm2m.EndpointName(r.PathValue("endpoint"))
}

// limit reads the query parameter of that name; zero where there is none.
func limit(r *http.Request) (int, error) {
	text := r.URL.Query().Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%w: limit %q is not a number from 1", errBadRequest, text)
	}
	return n, nil
}

func (s *Server) status(r *http.Request) (any, store.Revision, error) {
	st, err := s.api.Status(r.Context())
	return st, 0, err
}

func (s *Server) devices(r *http.Request) (any, store.Revision, error) {
	n, err := limit(r)
	if err != nil {
		return nil, 0, err
	}
	q := r.URL.Query()
	page, err := s.api.Devices(r.Context(), store.DeviceQuery{
		After: lwm2m.EndpointName(q.Get("after")), Limit: n, Prefix: q.Get("prefix"), Profile: q.Get("profile"), Tag: q.Get("tag"),
	})
	return page, 0, err
}

func (s *Server) addDevice(r *http.Request) (any, store.Revision, error) {
	var set DeviceSettings
	if err := body(r, &set); err != nil {
		return nil, 0, err
	}
	d, err := s.api.AddDevice(r.Context(), endpoint(r), set)
	return d, d.Revision, err
}

func (s *Server) setDevice(r *http.Request) (any, store.Revision, error) {
	var set DeviceSettings
	rev, err := revision(r)
	if err == nil {
		err = body(r, &set)
	}
	if err != nil {
		return nil, 0, err
	}
	d, err := s.api.SetDevice(r.Context(), endpoint(r), rev, set)
	return d, d.Revision, err
}

func (s *Server) device(r *http.Request) (any, store.Revision, error) {
	d, err := s.api.Device(r.Context(), endpoint(r), r.URL.Query().Has("reveal"))
	return d, d.Revision, err
}

func (s *Server) deleteDevice(r *http.Request) (any, store.Revision, error) {
	rev, err := revision(r)
	if err == nil {
		err = s.api.DeleteDevice(r.Context(), endpoint(r), rev)
	}
	return struct{}{}, 0, err
}

func (s *Server) profiles(r *http.Request) (any, store.Revision, error) {
	n, err := limit(r)
	if err != nil {
		return nil, 0, err
	}
	page, err := s.api.Profiles(r.Context(), store.ProfileQuery{After: r.URL.Query().Get("after"), Limit: n})
	return page, 0, err
}

func (s *Server) profile(r *http.Request) (any, store.Revision, error) {
	p, err := s.api.Profile(r.Context(), r.PathValue("name"))
	return p, p.Revision, err
}

func (s *Server) applyProfile(r *http.Request) (any, store.Revision, error) {
	var p store.Profile
	rev, err := revision(r)
	if err == nil {
		err = body(r, &p)
	}
	if err == nil && p.Name != r.PathValue("name") {
		err = fmt.Errorf("%w: the profile's name %q is not the one in the path", errBadRequest, p.Name)
	}
	if err != nil {
		return nil, 0, err
	}
	p.Revision = rev
	a, err := s.api.ApplyProfile(r.Context(), p)
	return a, a.Profile.Revision, err
}

func (s *Server) deleteProfile(r *http.Request) (any, store.Revision, error) {
	rev, err := revision(r)
	if err == nil {
		err = s.api.DeleteProfile(r.Context(), r.PathValue("name"), rev)
	}
	return struct{}{}, 0, err
}

func (s *Server) sessions(r *http.Request) (any, store.Revision, error) {
	n, err := limit(r)
	if err != nil {
		return nil, 0, err
	}
	q := r.URL.Query()
	page, err := s.api.Sessions(r.Context(), store.SessionQuery{
		Endpoint: lwm2m.EndpointName(q.Get("endpoint")), Identity: q.Get("identity"), Before: q.Get("before"), Limit: n, Failed: q.Has("failed"),
	})
	return page, 0, err
}

func (s *Server) session(r *http.Request) (any, store.Revision, error) {
	session, err := s.api.Session(r.Context(), r.PathValue("id"))
	return session, 0, err
}

func (s *Server) check(r *http.Request) (any, store.Revision, error) {
	return struct{}{}, 0, s.api.Check(r.Context())
}

// backupRequest is the body of POST /v1/backup.
type backupRequest struct {
	File string `json:"file"` // absolute
}

func (s *Server) backup(r *http.Request) (any, store.Revision, error) {
	var b backupRequest
	err := body(r, &b)
	if err == nil && !strings.HasPrefix(b.File, "/") {
		err = fmt.Errorf("%w: file %q is not an absolute path", errBadRequest, b.File)
	}
	if err == nil {
		err = s.api.Backup(r.Context(), b.File)
	}
	return struct{}{}, 0, err
}

// events sends events as they happen, in the form of server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	w.WriteHeader(http.StatusOK)
	_ = out.Flush()
	_ = s.api.Watch(r.Context(), func(e Event) error {
		b, err := json.Marshal(e)
		if err == nil {
			_, err = fmt.Fprintf(w, "event: %s\ndata: %s\n\n", e.Kind, b)
		}
		return errors.Join(err, out.Flush())
	})
}
