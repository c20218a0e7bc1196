// Package site is what lwbs serve --web serves over HTTP: the admin API under /v1, and the pages at every other
// path, behind the same limits and headers.
package site

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/server"
	"lwbs/bootstrap/admin/wire"
)

// Config says what is served. API and Access are required.
type Config struct {
	API    *server.Server
	Access *access.Manager

	// Pages answers what the API does not, and authenticates its requests itself; nil: there are no pages.
	Pages http.Handler
}

// New returns the handler of a site. Requests of browsers that come from another site and could change something are
// refused.
func New(c Config) http.Handler {
	api := c.Access.Guard(c.API.Needed, c.API, server.Refuse)
	pages := c.Pages
	if pages == nil {
		pages = api
	}
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		server.Refuse(w, r, fmt.Errorf("%w: the request comes from another site", access.ErrForbidden))
	}))
	both := origin.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isAPI(r.URL.Path) {
			api.ServeHTTP(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	}))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		if r.Method == http.MethodConnect || r.URL.Path == "*" {
			server.Refuse(w, r, fmt.Errorf("%w: %s", wire.ErrNoMethod, wire.Quoted(r.Method)))
			return
		}
		patiently(w, r, both)
	})
}

// apiPaths are those of the API, and those that begin with one of them and a slash.
var apiPaths = []string{"/v1", "/metrics", "/healthz", "/readyz", "/debug"}

// isAPI reports whether the API answers a path. Both sides have a role for each of their routes, and nothing else.
func isAPI(path string) bool {
	for _, p := range apiPaths {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// setHeaders sets what browsers are to refuse. Pages may replace them. There is no Strict-Transport-Security: it would
// be for each port of the host, also those that other programs serve.
func setHeaders(h http.Header) {
	for name, value := range map[string]string{
		"Content-Security-Policy":      "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(self), geolocation=(), microphone=(), payment=(), usb=()",
		"Cache-Control":                "no-store",
	} {
		h.Set(name, value)
	}
}

// ErrSlow is what a handler reads of a body that does not go on.
var ErrSlow = errors.New("the body does not go on")
