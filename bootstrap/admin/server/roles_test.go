package server

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
)

// A served server is one over HTTP, with a token for each role.
type served struct {
	*httptest.Server
	t      *testing.T
	tokens map[access.Role]string
}

func serveRoles(t *testing.T) *served {
	t.Helper()
	c := newAsker(t)
	local := c.server.api.(*admin.Local)
	m := access.New(access.Config{Store: local.Store})
	t.Cleanup(m.Close)
	s := &served{httptest.NewServer(m.Guard(c.server.Needed, c.server, Refuse)), t, map[access.Role]string{0: ""}}
	t.Cleanup(s.Close)
	for _, r := range access.Roles {
		k, err := local.CreateToken(t.Context(), r.String(), admin.TokenSettings{Role: r})
		if err != nil {
			t.Fatal(err)
		}
		s.tokens[r] = k.Token
	}
	return s
}

// ask sends a request of a role as it is written, so that no client cleans its path, and returns the status.
func (s *served) ask(role access.Role, method, target string) int {
	s.t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	head := method + " " + target + " HTTP/1.1\r\nHost: lwbs\r\nContent-Length: 0\r\nConnection: close\r\n"
	if role != 0 {
		head += "Authorization: Bearer " + s.tokens[role] + "\r\n"
	}
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		s.t.Fatal(err)
	}
	if _, err := io.WriteString(c, head+"\r\n"); err != nil {
		s.t.Fatal(err)
	}
	status := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(c, status); err != nil {
		s.t.Fatalf("%s %s: %v", method, target, err)
	}
	code := 0
	for _, digit := range status[len("HTTP/1.1 "):] {
		code = 10*code + int(digit-'0')
	}
	return code
}

var wildcard = regexp.MustCompile(`\{[a-z]+\}`)

// Each route lets in the roles that its row has and those above, and no others; with reveal=true only an
// administrator.
func TestEachRouteHasItsRole(t *testing.T) {
	s := serveRoles(t)
	for _, rt := range routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		path = wildcard.ReplaceAllString(path, "x")
		switch rt.pattern {
		case "GET /debug/pprof/profile":
			path += "?seconds=1"
		case "GET /v1/events": // which begins with the first event, and never ends
		}
		for role := range s.tokens {
			for query, least := range map[string]access.Role{"": rt.role, "reveal=true": access.Admin, "reveal=1": access.Admin, "%72eveal=true": access.Admin, "reveal=false&reveal=true": access.Admin} {
				target := path
				if query != "" {
					if rt.pattern == "GET /debug/pprof/profile" || rt.pattern == "GET /v1/events" || role == access.Admin {
						continue
					}
					target += "?" + query
				}
				want := 0
				switch {
				case role == 0 && least != 0:
					want = http.StatusUnauthorized
				case role < least:
					want = http.StatusForbidden
				}
				got := s.ask(role, method, target)
				if refused := got == http.StatusUnauthorized || got == http.StatusForbidden; refused != (want != 0) || want != 0 && got != want {
					t.Errorf("%s %s as %q: status %d, want %d (0: let in)", method, target, role, got, want)
				}
			}
		}
	}
}

// However a path is written, it does not slip past its role: it is refused, or leads nowhere.
func TestPathsDoNotSlipPastTheirRole(t *testing.T) {
	s := serveRoles(t)
	for _, target := range []string{
		"//v1/users", "/v1//users", "/v1/./users", "/v1/x/../users", "/x/../v1/users", "/v1/users/", "/v1/users/.", "/v1/users/..", "/v1%2fusers", "/%2fv1/users",
		"/v1/%75sers", "/%761/users", "/v1/users%00", "/v1/users%2f", "/v1/users;x", "/v1/users?", "/v1/users#", "/V1/users", "/v1/Users", "/v1/users%20", "/v1/status/../users",
		"/v1/status%2f..%2fusers", "/v1/status/%2e%2e/users", "/v1/%2e/users", "/v1/users/%2e%2e/users", "http://lwbs/v1/users", "http://other/v1//users", "/v1\\users",
		"/v1/openapi.yaml/../users", "/healthz/../v1/users", "/healthz//v1/users", "/healthz%2f..%2fv1/users", "/v1/openapi.yaml%2f..%2fusers",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "GETT"} {
			for _, role := range []access.Role{0, access.Viewer, access.Engineer} {
				if method == "CONNECT" && !strings.HasPrefix(target, "/") {
					continue
				}
				switch got := s.ask(role, method, target); {
				case got == http.StatusBadRequest || got == http.StatusNotFound || got == http.StatusMethodNotAllowed:
				case role == 0 && got == http.StatusUnauthorized || role != 0 && got == http.StatusForbidden:
				case got == http.StatusMovedPermanently || got == http.StatusTemporaryRedirect: // to a clean path, which has its role
				default:
					t.Errorf("%s %s as %q: status %d", method, target, role, got)
				}
			}
		}
	}
}

// A method that a path does not have is refused for each role, and told to those who may know.
func TestMethodsThatAreNotInTheTable(t *testing.T) {
	s := serveRoles(t)
	for method, want := range map[string]map[access.Role]int{
		"PUT":     {0: 401, access.Viewer: 405, access.Admin: 405},
		"OPTIONS": {0: 401, access.Viewer: 405, access.Admin: 405},
		"TRACE":   {0: 401, access.Admin: 405},
		"HEAD":    {0: 401, access.Viewer: 200, access.Admin: 200}, // of GET
		"X-DROP":  {0: 401, access.Admin: 405},
	} {
		for role, status := range want {
			if got := s.ask(role, method, "/v1/status"); got != status {
				t.Errorf("%s as %q: status %d, want %d", method, role, got, status)
			}
		}
	}
}

// Without a principal nothing but the health and the document of the API is served, whoever forgot the guard.
func TestNothingIsServedWithoutAPrincipal(t *testing.T) {
	c := newAsker(t)
	for _, rt := range routes {
		method, path, _ := strings.Cut(rt.pattern, " ")
		if rt.role == 0 {
			if path != "/healthz" && path != "/readyz" && path != "/v1/openapi.yaml" {
				t.Errorf("%s is for everyone", rt.pattern)
			}
			continue
		}
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		c.server.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, wildcard.ReplaceAllString(path, "x"), nil))
		cancel()
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" || !strings.Contains(w.Body.String(), "urn:lwbs:unauthenticated") {
			t.Errorf("%s: status %d, %s", rt.pattern, w.Code, w.Body)
		}
	}
}
