// Package web has the pages of lwbs: what an operator sees in a browser. Each is rendered here and works
// without scripts; with them some are kept up to date. All of them work through the admin API, in the words
// of the command line, whose matching command each shows.
//
// [table] lists all pages with the role that each needs. What a role may not do is neither shown to it nor
// done for it. Names, notes and diagnostics come from others, a device among them: html/template escapes
// them, and the Content-Security-Policy permits only what comes from here.
package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/web/glance"
	"lwbs/bootstrap/admin/web/reference"
	"lwbs/bootstrap/admin/web/stream"
	"lwbs/lwm2m/object"
)

// Config says what the pages are about. API and Log are required.
type Config struct {
	API admin.API
	Log *slog.Logger

	// Access logs people in and out; nil: everyone needs a principal in the context of the request.
	Access Access

	// OIDC logs people in at an issuer; nil: there is none.
	OIDC OIDC

	// Tables imports files of devices; nil: there is no page for that.
	Tables Tables

	// Document is the OpenAPI document of the admin API; nil: there is no page for that.
	Document []byte

	// Objects are those that profiles are read with; nil: those that are built in.
	Objects *object.Registry
}

// Access logs people in and out, and finds out who makes a request: see [access.Manager].
type Access interface {
	// Login returns the cookie of a new session for a name and a password. Its error says what to do, and
	// not whether there is such a user.
	Login(ctx context.Context, source, name, password string) (*http.Cookie, error)

	// Logout ends all sessions of the principal in ctx, and returns the cookie that takes the place of its own.
	Logout(ctx context.Context) (*http.Cookie, error)

	// Renew returns the cookie of another session of the user in ctx, whose sessions a new password has ended.
	Renew(ctx context.Context) (*http.Cookie, error)

	// Begin returns the cookie of a new session of a principal that an issuer vouches for. Detail is for the audit.
	Begin(ctx context.Context, p access.Principal, detail string) (*http.Cookie, error)

	// Try takes a try to log in at an issuer; giveBack is for one that was right.
	Try(source string) (giveBack func(), err error)

	// Source is the address that a request came from.
	Source(r *http.Request) string

	// Guard returns h for requests whose principal, which it puts into their context, has at least the role
	// that needed returns; refuse answers the others.
	Guard(needed func(*http.Request) access.Role, h http.Handler, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler
}

// Tables imports files of devices.
type Tables interface {
	// Import puts the devices of a file, or with o.DryRun tells what would become of them. Its error says
	// that the file cannot be read as such, or which choice it needs.
	Import(ctx context.Context, api admin.API, file io.Reader, o TableOptions) (TableResult, error)
}

// Pages is an [http.Handler] of all pages. Make one with [New].
type Pages struct {
	Config
	mux    *http.ServeMux
	inner  http.Handler // mux, behind Access
	origin *http.CrossOriginProtection
	stop   context.CancelFunc
	events *stream.Stream
	staged *staging
	api    *reference.Document // nil: there is none

	fleet    *glance.Cached[admin.DeviceCount]
	day      *glance.Cached[glance.Day]
	failures *glance.Cached[failures]
	searches chan struct{} // one value for each search through all devices that is under way
}

// maxSearches is how many searches through all devices are under way at a time.
const maxSearches = 2

// New returns the pages. Close ends what they do in the background.
func New(c Config) *Pages {
	ctx, stop := context.WithCancel(context.Background())
	p := &Pages{
		Config: c, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), stop: stop,
		staged: newStaging(), searches: make(chan struct{}, maxSearches),
	}
	p.fleet = glance.New(ctx, func(ctx context.Context) (admin.DeviceCount, error) {
		return c.API.CountDevices(ctx, admin.DeviceFilter{})
	})
	p.day = glance.New(ctx, func(ctx context.Context) (glance.Day, error) { return glance.DayOf(ctx, c.API, time.Now()) })
	p.failures = glance.New(ctx, func(ctx context.Context) (failures, error) { return c.API.Failures(ctx, 3) })
	p.events = stream.New(p.watch)
	if len(c.Document) > 0 {
		if d, err := reference.Parse(c.Document); err == nil {
			p.api = &d
		} else {
			c.Log.Error("there is no page of the API", "error", err)
		}
	}
	for _, at := range table {
		p.mux.HandleFunc(at.pattern, func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, at) })
	}
	p.mux.HandleFunc(assetPattern, serveAsset)
	p.mux.HandleFunc(elsewhere.pattern, func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, elsewhere) })
	if p.inner = p.mux; c.Access != nil {
		p.inner = c.Access.Guard(p.needed, p.mux, p.notPermitted)
	}
	return p
}

// Close ends what is done in the background, and the pages that are kept up to date.
func (p *Pages) Close() {
	p.stop()
	p.events.Close()
	p.fleet.Wait()
	p.day.Wait()
	p.failures.Wait()
}

// contentPolicy permits what comes from here, and no inline script or style.
const contentPolicy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// ServeHTTP implements [http.Handler].
func (p *Pages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=()")
	h.Set("Cache-Control", "no-store")
	if err := p.origin.Check(r); err != nil {
		p.refuse(w, r, http.StatusForbidden, "This form was sent from another site: open the page here, and send it again.")
		return
	}
	p.inner.ServeHTTP(w, r)
}
