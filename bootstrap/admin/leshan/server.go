package leshan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// Records is what the adapter reads of a store; it edits through the admin API.
type Records interface {
	Device(ctx context.Context, ep lwm2m.EndpointName) (store.Device, error)
	Devices(ctx context.Context, q store.DeviceQuery) ([]store.Device, error)
	Profile(ctx context.Context, name string) (store.Profile, error)
	LwM2MServer(ctx context.Context, name string) (store.LwM2MServer, error)
}

// A Config says what a [Server] works on. All but Reveal and NoSec is required.
type Config struct {
	API     admin.API
	Records Records
	Objects *object.Registry // that records are checked against; nil knows those that are built in
	Log     *slog.Logger
	Tokens  func() Tokens // as they are now; must be quick

	// Reveal, where not nil, notes that keys are about to be shown: which action on which record. Its error keeps them
	// from being shown.
	Reveal func(ctx context.Context, action, target string) error

	// NoSec permits devices without a credential to bootstrap over plain CoAP, keys included, as Leshan's demo
	// does. Default: they are refused.
	NoSec bool
}

// A Server answers as Leshan's Bootstrap-Server demo.
type Server struct {
	Config
	editing sync.Mutex // one edit at a time, as a profile is made, used and removed by several calls
}

// New returns a Server.
func New(c Config) *Server { return &Server{Config: c} }

// maxBody is the largest request, in bytes: real configurations have a few thousand.
const maxBody = 256 << 10

// A statusError is a refusal, with the text of its answer.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func refuse(status int, format string, args ...any) error {
	return &statusError{status, fmt.Sprintf(format, args...)}
}

// An answer is what a request that was carried out is answered with.
type answer struct {
	status int                     // zero means 200
	body   string                  // JSON; empty for none
	write  func(w io.Writer) error // writes a long body in place of body
	notes  []string                // what is not as in Leshan
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	a, err := s.serve(r)
	if r.Method != http.MethodGet {
		s.Log.LogAttrs(r.Context(), slog.LevelInfo, "administration as of Leshan",
			slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.String("remote", r.RemoteAddr), slog.Bool("done", err == nil))
	}
	if err != nil {
		s.writeError(w, r, err)
		return
	}
	for _, note := range a.notes {
		w.Header().Add("Lwbs-Note", note)
	}
	if a.body != "" || a.write != nil {
		w.Header().Set("Content-Type", "application/json")
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	if a.write == nil {
		_, _ = io.WriteString(w, a.body)
		return
	}
	if err := a.write(w); err != nil {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "an answer as of Leshan was cut off", slog.String("path", r.URL.Path), slog.Any("error", err))
		panic(http.ErrAbortHandler) // as half a list must not be taken for a whole one
	}
}

// writeError answers a request that was not carried out, as Leshan does: in plain text.
func (s *Server) writeError(w http.ResponseWriter, r *http.Request, err error) {
	refused := s.refusal(r.Context(), r.URL.Path, err)
	if refused.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="lwbs", Bearer`)
	}
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	w.WriteHeader(refused.status)
	_, _ = io.WriteString(w, refused.text)
}

// refusal puts an error into one line and a status.
func (s *Server) refusal(ctx context.Context, path string, err error) *statusError {
	var refused *statusError
	var invalid *admin.InvalidError
	oneLine := strings.ReplaceAll(err.Error(), "\n", "; ")
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &invalid), errors.Is(err, store.ErrInvalid), errors.Is(err, store.ErrIdentityTaken):
		return &statusError{http.StatusBadRequest, oneLine}
	case errors.Is(err, store.ErrFull):
		return &statusError{http.StatusInsufficientStorage, oneLine}
	}
	if ctx.Err() == nil { // else the caller has gone
		s.Log.LogAttrs(ctx, slog.LevelError, "administration failed", slog.String("path", path), slog.Any("error", err))
	}
	return &statusError{http.StatusInternalServerError, "lwbs could not carry the request out; its log has the reason"}
}

// serve carries a request out.
func (s *Server) serve(r *http.Request) (answer, error) {
	role := s.Tokens().roleOf(r)
	switch {
	case r.Header.Get("Origin") != "":
		return answer{}, refuse(http.StatusForbidden, "requests of web pages are not served here")
	case role == RoleNone:
		return answer{}, refuse(http.StatusUnauthorized, "a token is needed: Authorization: Bearer TOKEN, or the token as the password of any user")
	case role < RoleWrite && r.Method != http.MethodGet:
		return answer{}, refuse(http.StatusForbidden, "the token permits to read only")
	}
	for _, resource := range resources {
		names, ok := segments(r.URL, resource.path)
		if !ok {
			continue
		}
		method := resource.methods[r.Method]
		if method == nil {
			return answer{}, refuse(http.StatusMethodNotAllowed, "%s is not possible for %s", r.Method, resource.path)
		}
		r := r.WithContext(access.With(r.Context(), principalOf(r)))
		reveal := role == RoleReveal && r.Method == http.MethodGet
		if reveal && s.Reveal != nil {
			if err := s.Reveal(r.Context(), strings.TrimPrefix(resource.path, "/api/")+" reveal", strings.Join(names, "/")); err != nil {
				return answer{}, err
			}
		}
		return method(s, request{r, names, role == RoleReveal})
	}
	return answer{}, refuse(http.StatusNotFound, "only /api/bootstrap and /api/security/clients of Leshan's demo are served here; lwbs is administered with its own commands")
}

// principalOf is whose request it is, for the audit: tokens have no names.
func principalOf(r *http.Request) access.Principal {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return access.Principal{Name: "leshan-api", Way: access.WayToken, Address: host}
}

// A request is one for a resource.
type request struct {
	*http.Request
	names  []string // the segments of the path behind that of the resource
	reveal bool     // keys may be shown
}

type method func(*Server, request) (answer, error)

// resources are what is served. The query is ignored, as by Leshan.
var resources = []struct {
	path    string
	methods map[string]method
}{
	{"/api/bootstrap", map[string]method{
		http.MethodGet: (*Server).configurations, http.MethodPost: (*Server).putConfiguration, http.MethodDelete: (*Server).deleteConfiguration,
	}},
	{"/api/security/clients", map[string]method{
		http.MethodGet: (*Server).credentials, http.MethodPut: (*Server).putCredential, http.MethodDelete: (*Server).deleteCredential,
	}},
}

// segments are those of a URL behind a path; ok is false for another path.
func segments(u *url.URL, path string) (names []string, ok bool) {
	rest, ok := strings.CutPrefix(u.EscapedPath(), path)
	if !ok || rest != "" && rest[0] != '/' {
		return nil, false
	}
	for segment := range strings.SplitSeq(rest, "/") {
		name, err := url.PathUnescape(segment)
		if err != nil {
			return nil, false
		}
		names = append(names, name)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" }), true
}

// endpoint is the only segment of a path, with the texts of Leshan where there is none.
func (r request) endpoint() (lwm2m.EndpointName, error) {
	switch len(r.names) {
	case 0:
		return "", refuse(http.StatusBadRequest, "endpoint name should be specified in the URL")
	case 1:
		ep := lwm2m.EndpointName(r.names[0])
		if err := ep.Validate(); err != nil {
			return "", refuse(http.StatusBadRequest, "%v", err)
		}
		return ep, nil
	}
	return "", refuse(http.StatusBadRequest, "endpoint name should be specified in the URL, nothing more")
}

// body is that of the request.
func (r request) body() ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the body has more than %d bytes", maxBody)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "the body did not arrive whole")
	}
	if text := strings.TrimSpace(string(b)); text == "" || text == "null" {
		return nil, refuse(http.StatusBadRequest, "no content")
	}
	return b, nil
}
