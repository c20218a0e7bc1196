package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A request is one of a principal that has the role for it.
type request struct {
	*http.Request
	w     http.ResponseWriter
	pages *Pages
	who   access.Principal
}

// serve serves a request where the role of its principal permits it.
func (p *Pages) serve(w http.ResponseWriter, r *http.Request, at page) {
	who, known := access.From(r.Context())
	switch {
	case at.role == 0:
	case !known:
		p.notPermitted(w, r, access.ErrUnauthenticated)
		return
	case who.Role < at.role:
		p.refuse(w, r, http.StatusForbidden, roleText(who, at.role))
		return
	}
	req := &request{Request: r, w: w, pages: p, who: who}
	err := req.parse(at.maxBody)
	if err == nil {
		err = at.serve(p, req)
	}
	if err != nil {
		req.fail(err)
	}
}

// parse reads the form of a request of at most maxBody bytes.
func (r *request) parse(maxBody int64) error {
	r.Body = http.MaxBytesReader(r.w, r.Body, max(maxBody, 1))
	if r.Method != http.MethodPost {
		r.Form, _ = url.ParseQuery(r.URL.RawQuery) // what is wrong in it is left out
		return nil
	}
	var err error
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "multipart/form-data" {
		err = r.ParseMultipartForm(maxBody)
	} else {
		err = r.ParseForm()
	}
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return fmt.Errorf("%w: the form has more than %d bytes", wire.ErrTooLarge, tooLarge.Limit)
	}
	if err != nil {
		return fmt.Errorf("%w: the form cannot be read", wire.ErrBadRequest)
	}
	return nil
}

// text is a value of the form, without space around it.
func (r *request) text(name string) string { return strings.TrimSpace(r.FormValue(name)) }

// owner tells who sends r from others, also from one of the same name who authenticates in another way.
func (r *request) owner() string { return r.who.Way + " " + r.who.Name }

// endpoint is the endpoint name in the form.
func (r *request) endpoint() lwm2m.EndpointName { return lwm2m.EndpointName(r.FormValue("name")) }

// revision is that of the record that a form was made from.
func (r *request) revision() (store.Revision, error) {
	n, err := strconv.ParseUint(r.FormValue("revision"), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: the form has no revision: open the page again", wire.ErrBadRequest)
	}
	return store.Revision(n), nil
}

// see sends the browser to another page, which says what was done: a key of [notices], empty for nothing.
func (r *request) see(path, did string, query ...string) error {
	values := url.Values{}
	for i := 0; i+1 < len(query); i += 2 {
		values.Set(query[i], query[i+1])
	}
	if did != "" {
		values.Set("did", did)
	}
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	http.Redirect(r.w, r.Request, path, http.StatusSeeOther)
	return nil
}

// fail shows what went wrong.
func (r *request) fail(err error) {
	problem := wire.ProblemOf(err)
	text := problem.Detail
	switch {
	case r.Context().Err() != nil:
		return // the browser has gone
	case problem.Status == http.StatusInternalServerError:
		r.pages.Log.LogAttrs(r.Context(), slog.LevelError, "page failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		text = "The server could not do it; its log has the reason."
	case errors.Is(err, store.ErrConflict):
		text = "Somebody else changed it since this page was opened, and nothing was changed now: open the page again, look at what is different, and do it again. (" + text + ")"
	}
	r.pages.refuse(r.w, r.Request, problem.Status, text)
}

// refuse answers with a page that says why something is not done.
func (p *Pages) refuse(w http.ResponseWriter, r *http.Request, status int, text string) {
	who, _ := access.From(r.Context())
	req := &request{Request: r, w: w, pages: p, who: who}
	text = strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]
	req.render(status, "problem", view{Title: http.StatusText(status), Body: text})
}

// A view is what a page shows.
type view struct {
	Title   string
	Nav     string // the entry of the navigation that it belongs to
	Command string // of the command line, that does the same
	Notice  string // what was done
	Body    any    // of the template of the page

	Scripts []string // modules among the assets, beside the common one
	Renew   string   // names of events at which the page is fetched anew, with spaces between; empty: never
	Key     string   // what these events are to be about; empty: anything
	Onward  string   // an address elsewhere that the browser goes to from here; empty for none
	Refresh int      // seconds after which a browser without scripts fetches it anew; zero: never
	Secret  bool     // it has secrets

	// Of the request.
	Who     access.Principal
	Path    string
	CanExit bool
}

// render answers with a page.
func (r *request) render(status int, name string, v view) {
	r.complete(&v)
	var b bytes.Buffer
	if err := templates[name].ExecuteTemplate(&b, "layout", v); err != nil {
		r.pages.Log.LogAttrs(r.Context(), slog.LevelError, "page failed", slog.String("path", r.URL.Path), slog.Any("error", err))
		http.Error(r.w, "the server could not make this page; its log has the reason", http.StatusInternalServerError)
		return
	}
	h := r.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Encoding")
	// A page with secrets beside what others wrote is not compressed: its length would tell about them.
	if !v.Secret && acceptsGzip(r.Request) {
		h.Set("Content-Encoding", "gzip")
		r.w.WriteHeader(status)
		z, _ := gzip.NewWriterLevel(r.w, gzip.BestSpeed)
		_, _ = z.Write(b.Bytes())
		_ = z.Close()
		return
	}
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	r.w.WriteHeader(status)
	_, _ = r.w.Write(b.Bytes())
}

// complete adds what the request tells.
func (r *request) complete(v *view) {
	v.Who, v.Path, v.CanExit = r.who, r.URL.RequestURI(), r.pages.Access != nil
	if v.Notice == "" {
		v.Notice = notices[r.Form.Get("did")]
	}
}

// show answers with a page that was asked for.
func (r *request) show(name string, v view) error {
	r.render(http.StatusOK, name, v)
	return nil
}

// Can reports whether the principal has a role, by its name.
func (v view) Can(role string) bool {
	var r access.Role
	return r.UnmarshalText([]byte(role)) == nil && v.Who.Role >= r
}

// notices are what pages say was done.
var notices = map[string]string{
	"enabled":      "The device is enabled.",
	"disabled":     "The device is disabled: it is refused from now on.",
	"rotate":       "The device is given other keys at its next bootstrap.",
	"edited":       "The change is saved. The device is given what is new at its next bootstrap.",
	"deleted":      "The device is deleted.",
	"approved":     "The device is approved. Its session goes on where one waits; else it is served when it comes again.",
	"rejected":     "The device is rejected: it is refused when it comes again, until it is approved or has a record.",
	"saved":        "The profile is saved. Devices are given it at their next bootstrap.",
	"same":         "The profile was the same before: nothing was changed.",
	"user-edited":  "The user is changed.",
	"user-deleted": "The user is deleted, with all tokens and sessions.",
	"revoked":      "The token is revoked: it is not accepted any more.",
	"left":         "You are logged out.",
	"password":     "Your password is changed, and you are logged out everywhere else.",
}

func (p *Pages) notFound(r *request) error {
	r.render(http.StatusNotFound, "problem", view{Title: "Not found", Body: "There is no page at this address."})
	return nil
}
