package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
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
	{"GET /v1/devices", []string{"after", "limit", "prefix", "profile", "tag"}, 0, (*Server).devices},
	{"POST /v1/devices/{endpoint}", nil, maxBody, (*Server).addDevice},
	{"PATCH /v1/devices/{endpoint}", nil, maxBody, (*Server).setDevice},
	{"GET /v1/devices/{endpoint}", []string{"reveal"}, 0, (*Server).device},
	{"DELETE /v1/devices/{endpoint}", nil, 0, (*Server).deleteDevice},
	{"POST /v1/devices/{endpoint}/rename", nil, maxBody, (*Server).renameDevice},
	{"GET /v1/profiles", []string{"after", "limit"}, 0, (*Server).profiles},
	{"POST /v1/profiles", nil, maxProfiles, (*Server).applyProfiles},
	{"GET /v1/profiles/{name}", nil, 0, (*Server).profile},
	{"PUT /v1/profiles/{name}", []string{"allowFailing", "dryRun", "examine", "replaceKeys"}, maxBody, (*Server).applyProfile},
	{"DELETE /v1/profiles/{name}", nil, 0, (*Server).deleteProfile},
	{"GET /v1/sessions", []string{"before", "endpoint", "failed", "identity", "limit", "own", "unknown"}, 0, (*Server).sessions},
	{"GET /v1/sessions/{id}", nil, 0, (*Server).session},
	{"GET /v1/sessions/{id}/explanation", nil, 0, (*Server).explanation},
	{"GET /v1/why/{name}", []string{"limit"}, 0, (*Server).why},
	{"GET /v1/unreadable", nil, 0, (*Server).unreadable},
	{"POST /v1/check", nil, 0, (*Server).check},
	{"POST /v1/backup", nil, maxBody, (*Server).backup},
}

const (
	eventsPattern  = "GET /v1/events"
	openapiPattern = "GET /v1/openapi.yaml"
	contentPattern = "POST /v1/backup/content"
)

// NewServer returns a Server over api. Extra are further patterns, such as
// "GET /metrics".
func NewServer(api API, log *slog.Logger, extra map[string]http.Handler) *Server {
	s := &Server{api: api, log: log, routes: http.NewServeMux()}
	for _, rt := range routes {
		s.routes.HandleFunc(anyName(rt.pattern), func(w http.ResponseWriter, r *http.Request) { s.answer(w, r, rt) })
	}
	s.routes.HandleFunc(eventsPattern, s.events)
	s.routes.HandleFunc(openapiPattern, serveOpenAPI)
	s.routes.HandleFunc(contentPattern, s.backupContent)
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
		p := ProblemOf(err)
		if p.Status == http.StatusInternalServerError && r.Context().Err() == nil { // else the caller has gone
			s.log.LogAttrs(r.Context(), slog.LevelError, "administration failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		}
		writeProblem(w, p)
		return
	}
	if out.revision != 0 {
		w.Header().Set("ETag", etag(out.revision))
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

func etag(rev store.Revision) string { return `"` + strconv.FormatUint(uint64(rev), 10) + `"` }

func (s *Server) status(r request) (reply, error) {
	st, err := s.api.Status(r.Context())
	return reply{body: st}, err
}

func (s *Server) devices(r request) (reply, error) {
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	q := store.DeviceQuery{
		After: lwm2m.EndpointName(r.query.Get("after")), Limit: n,
		Prefix: r.query.Get("prefix"), Profile: r.query.Get("profile"), Tag: r.query.Get("tag"),
	}
	return page(r, n, "after", func(limit int, after string) ([]Device, error) {
		q.Limit = limit
		if after != "" {
			q.After = lwm2m.EndpointName(after)
		}
		return s.api.Devices(r.Context(), q)
	}, func(d Device) string { return string(d.Endpoint) })
}

// page is a list of at most n entries, of which cursor is the parameter that begins the
// next page behind one of them.
func page[T any](r request, n int, cursor string, list func(limit int, behind string) ([]T, error), name func(T) string) (reply, error) {
	entries, err := list(n, "")
	if err != nil || len(entries) < n {
		return reply{body: orEmpty(entries)}, err
	}
	last := name(entries[len(entries)-1])
	more, err := list(1, last)
	out := reply{body: entries}
	if len(more) > 0 {
		out.next = make(url.Values, len(r.query)+1)
		for k, v := range r.query {
			out.next[k] = v
		}
		out.next.Set(cursor, last)
	}
	return out, err
}

// orEmpty makes the JSON of an empty list [] and not null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (s *Server) addDevice(r request) (reply, error) {
	var set DeviceSettings
	if err := r.body(&set); err != nil {
		return reply{}, err
	}
	d, err := s.api.AddDevice(r.Context(), r.endpoint(), set)
	return reply{body: d, revision: d.Revision}, err
}

func (s *Server) setDevice(r request) (reply, error) {
	var set DeviceSettings
	rev, err := r.revision()
	if err == nil {
		err = r.body(&set)
	}
	if err != nil {
		return reply{}, err
	}
	d, err := s.api.SetDevice(r.Context(), r.endpoint(), rev, set)
	return reply{body: d, revision: d.Revision}, err
}

func (s *Server) device(r request) (reply, error) {
	reveal, err := r.boolean("reveal")
	if err != nil {
		return reply{}, err
	}
	d, err := s.api.Device(r.Context(), r.endpoint(), reveal)
	return reply{body: d, revision: d.Revision}, err
}

func (s *Server) deleteDevice(r request) (reply, error) {
	rev, err := r.revision()
	if err == nil {
		err = s.api.DeleteDevice(r.Context(), r.endpoint(), rev)
	}
	return reply{body: struct{}{}}, err
}

// A renameRequest is the body of POST /v1/devices/{endpoint}/rename.
type renameRequest struct {
	To lwm2m.EndpointName `json:"to"`
}

func (s *Server) renameDevice(r request) (reply, error) {
	var rename renameRequest
	rev, err := r.revision()
	if err == nil {
		err = r.body(&rename)
	}
	if err != nil {
		return reply{}, err
	}
	d, err := s.api.RenameDevice(r.Context(), r.endpoint(), rename.To, rev)
	return reply{body: d, revision: d.Revision}, err
}

func (s *Server) profiles(r request) (reply, error) {
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	q := store.ProfileQuery{After: r.query.Get("after")}
	return page(r, n, "after", func(limit int, after string) ([]store.Profile, error) {
		q.Limit = limit
		if after != "" {
			q.After = after
		}
		return s.api.Profiles(r.Context(), q)
	}, func(p store.Profile) string { return p.Name })
}

func (s *Server) profile(r request) (reply, error) {
	p, err := s.api.Profile(r.Context(), r.PathValue("name"))
	return reply{body: p, revision: p.Revision}, err
}

func (s *Server) applyProfile(r request) (reply, error) {
	var p store.Profile
	rev, err := r.revision()
	if err == nil {
		err = r.body(&p)
	}
	if err == nil && p.Name != r.PathValue("name") {
		err = fmt.Errorf("%w: the profile's name %q is not the one in the path", errBadRequest, p.Name)
	}
	if err != nil {
		return reply{}, err
	}
	if p.Revision, err = sameRevision(p.Revision, rev); err != nil {
		return reply{}, err
	}
	o, err := r.applyOptions()
	if err != nil {
		return reply{}, err
	}
	a, err := s.api.ApplyProfile(r.Context(), p, o)
	return reply{body: a, revision: a.Profile.Revision}, err
}

// sameRevision is the revision that an edit is based on, which may be said in its body
// and in If-Match; zero where it is not.
func sameRevision(body, match store.Revision) (store.Revision, error) {
	if body != 0 && match != 0 && body != match {
		return 0, fmt.Errorf("%w: the revision is %d in If-Match and %d in the body", errBadRequest, match, body)
	}
	return max(body, match), nil
}

// An applyRequest is the body of POST /v1/profiles.
type applyRequest struct {
	Profiles []store.Profile `json:"profiles"`
	ApplyOptions
}

// An applyAnswer is the answer to it.
type applyAnswer struct {
	Applied []Applied `json:"applied"`
}

func (s *Server) applyProfiles(r request) (reply, error) {
	var in applyRequest
	if err := r.body(&in); err != nil {
		return reply{}, err
	}
	a, err := s.api.ApplyProfiles(r.Context(), in.Profiles, in.ApplyOptions)
	return reply{body: applyAnswer{a}}, err
}

func (s *Server) deleteProfile(r request) (reply, error) {
	rev, err := r.revision()
	if err == nil {
		err = s.api.DeleteProfile(r.Context(), r.PathValue("name"), rev)
	}
	return reply{body: struct{}{}}, err
}

func (s *Server) sessions(r request) (reply, error) {
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	q := store.SessionQuery{
		Endpoint: lwm2m.EndpointName(r.query.Get("endpoint")), Identity: r.query.Get("identity"),
		Before: r.query.Get("before"),
	}
	for _, f := range []struct {
		name  string
		value *bool
	}{{"failed", &q.Failed}, {"own", &q.Own}, {"unknown", &q.Unknown}} {
		if *f.value, err = r.boolean(f.name); err != nil {
			return reply{}, err
		}
	}
	return page(r, n, "before", func(limit int, before string) ([]store.Session, error) {
		q.Limit = limit
		if before != "" {
			q.Before = before
		}
		return s.api.Sessions(r.Context(), q)
	}, func(s store.Session) string { return s.ID })
}

func (s *Server) explanation(r request) (reply, error) {
	reason, err := s.api.Explain(r.Context(), r.PathValue("id"))
	return reply{body: reason}, err
}

func (s *Server) why(r request) (reply, error) {
	n := 0
	if r.query.Get("limit") != "" {
		var err error
		if n, err = r.limit(); err != nil {
			return reply{}, err
		}
	}
	why, err := s.api.Why(r.Context(), r.PathValue("name"), n)
	return reply{body: why}, err
}

func (s *Server) session(r request) (reply, error) {
	session, err := s.api.Session(r.Context(), r.PathValue("id"))
	return reply{body: session}, err
}

func (s *Server) unreadable(r request) (reply, error) {
	parts, err := s.api.Unreadable(r.Context())
	return reply{body: orEmpty(parts)}, err
}

func (s *Server) check(r request) (reply, error) {
	return reply{body: struct{}{}}, s.api.Check(r.Context())
}

// backupRequest is the body of POST /v1/backup.
type backupRequest struct {
	File string `json:"file"` // absolute
}

func (s *Server) backup(r request) (reply, error) {
	var b backupRequest
	err := r.body(&b)
	if err == nil && !strings.HasPrefix(b.File, "/") {
		err = fmt.Errorf("%w: file %q is not an absolute path", errBadRequest, b.File)
	}
	if err == nil {
		err = s.api.Backup(r.Context(), b.File)
	}
	if path := new(fs.PathError); errors.As(err, &path) && !errors.Is(err, store.ErrFull) && !errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w: %w", errBadRequest, err) // there can be no such file
	}
	return reply{body: struct{}{}}, err
}

// backupContent answers with a copy of the database. One that fails on the way ends the connection,
// so that it is not taken for whole.
func (s *Server) backupContent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1)
	req, err := parse(r, nil)
	if err == nil {
		err = req.noBody()
	}
	out := &copyWriter{w: w}
	if err == nil {
		err = s.api.WriteBackup(r.Context(), out)
	}
	caller := callerOf(r.Context())
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "administration",
		slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.Int("uid", caller.UID), slog.Int("pid", caller.PID), slog.Bool("done", err == nil))
	switch {
	case err == nil:
	case out.begun:
		panic(http.ErrAbortHandler)
	default:
		writeProblem(w, ProblemOf(err))
	}
}

// A copyWriter answers with what is written to it.
type copyWriter struct {
	w     http.ResponseWriter
	begun bool
}

// Write implements [io.Writer].
func (c *copyWriter) Write(b []byte) (int, error) {
	if !c.begun {
		c.begun = true
		c.w.Header().Set("Content-Type", "application/octet-stream")
	}
	return c.w.Write(b)
}

// events sends events as they happen, in the form of server-sent events.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	if _, err := parse(r, nil); err != nil {
		writeProblem(w, ProblemOf(err))
		return
	}
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
