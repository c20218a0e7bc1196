package sim

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
	"lwbs/lwm2m/content"
)

// ServeRequest implements [bootstrap.Handler]: the device's part of the session. A
// device that has lost the association hears nothing on it.
func (a *attempt) ServeRequest(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	d := a.device
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.hear() {
		return bootstrap.Response{}, nil
	}
	p, resp := d.serve(r)
	if d.cfg.Observe != nil {
		d.cfg.Observe(Step{r, p, resp})
	}
	if p == lwm2m.Root && r.Method == bootstrap.POST && resp.Code == lwm2m.CodeChanged && !a.done {
		a.done = true
		return resp, func(context.Context) { close(a.finished) }
	}
	return resp, nil
}

// hear notes that a request came, and reports whether the association is lost. The
// caller holds mu of the device.
func (a *attempt) hear() (lost bool) {
	d := a.device
	a.served++
	if at := d.cfg.Stack.Returns.LosesAt; at > 0 && a.served == at && !d.lost {
		d.lost = true
		close(a.lost)
		a.gone = true
	}
	select {
	case a.heard <- struct{}{}:
	default:
	}
	return a.gone
}

// serve answers a request for the path that it returns. The caller holds mu.
func (d *device) serve(r bootstrap.Request) (lwm2m.Path, bootstrap.Response) {
	code := func(c lwm2m.Code) bootstrap.Response { return bootstrap.Response{Code: c} }
	if len(r.Path) == 1 && r.Path[0] == "bs" {
		return lwm2m.Root, code(d.finish(r))
	}
	p, err := lwm2m.ParsePath("/" + strings.Join(r.Path, "/"))
	if err != nil {
		return p, code(lwm2m.CodeBadRequest)
	}
	if c, ok := d.refused(r.Method, p.String()); ok {
		return p, code(c)
	}
	switch r.Method {
	case bootstrap.GET:
		if r.Accept == lwm2m.FormatLink {
			return p, d.discover(p)
		}
		return p, d.read(p, r.Accept)
	case bootstrap.PUT:
		return p, code(d.write(p, r))
	case bootstrap.DELETE:
		return p, code(d.objects.delete(p))
	}
	return p, code(lwm2m.CodeMethodNotAllowed)
}

// refused looks up Config.Refuse.
func (d *device) refused(m bootstrap.Method, path string) (lwm2m.Code, bool) {
	for rule, code := range d.cfg.Refuse {
		method, at, _ := strings.Cut(rule, " ")
		if method == m.String() && (path == at || at == "/" || strings.HasPrefix(path, at+"/")) {
			return code, true
		}
	}
	return 0, false
}

// discover answers a Bootstrap-Discover (Core 1.1.1 §6.1.7.3).
func (d *device) discover(p lwm2m.Path) bootstrap.Response {
	if p.Depth() > 1 {
		return bootstrap.Response{Code: lwm2m.CodeBadRequest}
	}
	found := d.objects.discovery(p, d.cfg.Version)
	return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: lwm2m.FormatLink, Payload: d.cfg.Stack.Links.append(nil, found)}
}

// read answers a Bootstrap-Read of what may be read (Core 1.1.1 §6.1.7.4).
func (d *device) read(p lwm2m.Path, accept lwm2m.Format) bootstrap.Response {
	own := d.cfg.Stack.Reads
	if o := p.Object(); own.Nothing || p.Depth() == 0 || p.Depth() > 2 || o != lwm2m.ObjectServer && o != lwm2m.ObjectAccessControl {
		return bootstrap.Response{Code: cmp.Or(own.Forbidden, lwm2m.CodeMethodNotAllowed)}
	}
	found := d.objects.below(p)
	if len(found) == 0 {
		return bootstrap.Response{Code: lwm2m.CodeNotFound}
	}
	payload, err := content.Encode(accept, p, found)
	if err != nil {
		return bootstrap.Response{Code: lwm2m.CodeNotAcceptable}
	}
	return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: accept, Payload: payload}
}

// uncommonBase64 is an opaque value with a digit that only the alphabet for URLs has.
var uncommonBase64 = regexp.MustCompile(`"vd":"[^"]*[-_]`)

// write answers a Bootstrap-Write.
func (d *device) write(p lwm2m.Path, r bootstrap.Request) lwm2m.Code {
	own := d.cfg.Stack.Writes
	wrongFormat := cmp.Or(own.WrongFormat, lwm2m.CodeUnsupportedFormat)
	if len(own.Formats) > 0 && !slices.Contains(own.Formats, r.ContentFormat) {
		return wrongFormat
	}
	if own.Whole != 0 && p.Depth() < 3 {
		return own.Whole
	}
	if own.CommonBase64 && r.ContentFormat == lwm2m.FormatSenMLJSON && uncommonBase64.Match(r.Payload) {
		return lwm2m.CodeBadRequest
	}
	written, err := content.Decode(r.ContentFormat, p, r.Payload)
	switch {
	case errors.Is(err, content.ErrFormat):
		return wrongFormat
	case err != nil:
		return lwm2m.CodeBadRequest
	}
	code := d.objects.write(p, written)
	if code == lwm2m.CodeChanged {
		return cmp.Or(own.Accepted, code)
	}
	return code
}

// finish ends the session if the device can work with what it holds, or believes so.
func (d *device) finish(r bootstrap.Request) lwm2m.Code {
	if r.Method != bootstrap.POST {
		return lwm2m.CodeMethodNotAllowed
	}
	if c, ok := d.refused(r.Method, "/bs"); ok {
		return c
	}
	if !d.objects.acceptable() {
		return lwm2m.CodeNotAcceptable
	}
	return lwm2m.CodeChanged
}
