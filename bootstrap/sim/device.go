package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// A Config describes a device. Zero means the default stated at the field.
type Config struct {
	// Endpoint is the Endpoint Client Name. Required.
	Endpoint lwm2m.EndpointName

	// OmitEndpoint leaves it out of the Bootstrap-Request: the identity tells.
	OmitEndpoint bool

	// PreferredFormat is sent as pct; zero sends none.
	PreferredFormat lwm2m.Format

	// Pack asks for everything in one Bootstrap-Pack first, in this format; zero does
	// not. Where that does not work the device goes on to POST /bs.
	Pack lwm2m.Format

	// OmitAccount leaves out of that request where the device has its Bootstrap-Server
	// Account, as clients of LwM2M 1.2.0 do.
	OmitAccount bool

	// Version is what the answer to Discover claims. Default "1.1"; "1.0" changes its
	// form too.
	Version string

	// BootstrapServer is the account that the device has from the factory, at its ID.
	// Default: an account without credentials at instance 0.
	BootstrapServer lwm2m.SecurityInstance

	// Merge makes a Write keep the Resources that it does not name, as some clients
	// do, in place of replacing the Instance.
	Merge bool

	// Refuse answers requests with a code, by method and path: "PUT /1". What is
	// below the path is refused too.
	Refuse map[string]lwm2m.Code

	// SessionTimeout is for how long the device waits for Finish, from the answer to
	// its request. Default 247 s (EXCHANGE_LIFETIME, RFC 7252 §4.8.2).
	SessionTimeout time.Duration

	// Dial reaches the Bootstrap-Server. Required.
	Dial func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error)

	// DialServer reaches the LwM2M Server of an account that the device was given.
	// Nil: the device does not register.
	DialServer func(ctx context.Context, account Account) (bootstrap.Conn, error)

	// Observe is told of each request that the device answered, in order. May be nil.
	Observe func(Step)
}

// A Step is one request of the Bootstrap-Server and the device's answer.
type Step struct {
	Request  bootstrap.Request
	Path     lwm2m.Path // of the request; the root for Finish
	Response bootstrap.Response
}

// A Result is how it went.
type Result struct {
	// Objects is what the device holds in the end.
	Objects []lwm2m.Object

	// Packed is whether it came in a Bootstrap-Pack.
	Packed bool

	// Accounts are the complete ones of LwM2M Servers among them.
	Accounts []Account

	// Registered are the locations that LwM2M Servers gave the device, in the order
	// of Accounts.
	Registered []string
}

// The errors of [Run].
var (
	// ErrRefused: the Bootstrap-Request was answered with an error.
	ErrRefused = errors.New("bootstrap request refused")

	// ErrNoFinish: the session ended without a Finish that the device could accept.
	ErrNoFinish = errors.New("no bootstrap finish")

	// ErrNotRegistered: an LwM2M Server did not take the device.
	ErrNotRegistered = errors.New("registration refused")
)

// Run bootstraps once and registers. The Result is what was reached, with an error too.
func Run(ctx context.Context, cfg Config) (Result, error) {
	d, err := newDevice(cfg)
	if err != nil {
		return Result{}, err
	}
	err = d.bootstrap(ctx)
	result := d.result()
	if err != nil || cfg.DialServer == nil {
		return result, err
	}
	for _, a := range result.Accounts {
		location, err := d.register(ctx, a)
		if err != nil {
			return result, fmt.Errorf("register at %s: %w", a.Security.ServerURI, err)
		}
		result.Registered = append(result.Registered, location)
	}
	return result, nil
}

type device struct {
	cfg      Config
	finished chan struct{} // closed at an accepted Finish

	mu      sync.Mutex
	objects *objects // guarded by mu
	packed  bool     // guarded by mu
	done    bool     // guarded by mu
}

func newDevice(cfg Config) (*device, error) {
	if cfg.Version == "" {
		cfg.Version = "1.1"
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 247 * time.Second
	}
	cfg.BootstrapServer.BootstrapServer = true
	o, err := newObjects(cfg.BootstrapServer, cfg.Merge)
	return &device{cfg: cfg, finished: make(chan struct{}), objects: o}, err
}

// bootstrap asks and answers until Finish.
func (d *device) bootstrap(ctx context.Context) error {
	conn, err := d.cfg.Dial(ctx, d)
	if err != nil {
		return fmt.Errorf("reach the bootstrap server: %w", err)
	}
	defer conn.Close()
	if d.cfg.Pack != 0 {
		if packed, err := d.askForPack(ctx, conn); packed || err != nil {
			return err
		}
	}
	req := bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}, Queries: d.name()}
	if d.cfg.PreferredFormat != 0 {
		req.Queries = append(req.Queries, fmt.Sprintf("pct=%d", d.cfg.PreferredFormat.Number()))
	}
	answer, err := conn.Do(ctx, req)
	switch {
	case err != nil:
		return fmt.Errorf("bootstrap request: %w", err)
	case answer.Code != lwm2m.CodeChanged:
		return fmt.Errorf("%w with %v %s", ErrRefused, answer.Code, answer.Payload)
	}
	patience := time.NewTimer(d.cfg.SessionTimeout)
	defer patience.Stop()
	select {
	case <-d.finished:
		d.linger(ctx, conn)
		return nil
	case <-conn.Done():
		return fmt.Errorf("%w: the server closed the association", ErrNoFinish)
	case <-patience.C:
		return fmt.Errorf("%w within %v", ErrNoFinish, d.cfg.SessionTimeout)
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNoFinish, ctx.Err())
	}
}

// name is how the device calls itself in a request.
func (d *device) name() []string {
	if d.cfg.OmitEndpoint {
		return nil
	}
	return []string{"ep=" + string(d.cfg.Endpoint)}
}

// lingerTime is how long the device leaves it to the server to close.
const lingerTime = 200 * time.Millisecond

// linger lets the answer to Finish arrive before the association is closed.
func (d *device) linger(ctx context.Context, conn bootstrap.Conn) {
	t := time.NewTimer(lingerTime)
	defer t.Stop()
	select {
	case <-conn.Done():
	case <-t.C:
	case <-ctx.Done():
	}
}

// register does what a device does with an account (Core 1.1.1 §6.2.1).
func (d *device) register(ctx context.Context, a Account) (location string, err error) {
	conn, err := d.cfg.DialServer(ctx, a)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	var links []lwm2m.Link
	d.mu.Lock()
	for _, p := range d.objects.paths() {
		if p.Object() != lwm2m.ObjectSecurity {
			links = append(links, lwm2m.Link{Target: p.String()})
		}
	}
	d.mu.Unlock()
	answer, err := conn.Do(ctx, bootstrap.Request{
		Method: bootstrap.POST, Path: []string{"rd"}, ContentFormat: lwm2m.FormatLink, Payload: lwm2m.AppendLinks(nil, links...),
		Queries: []string{"ep=" + string(d.cfg.Endpoint), fmt.Sprintf("lt=%d", int(a.Server.Lifetime/time.Second)), "lwm2m=" + d.cfg.Version, "b=" + a.Server.Binding},
	})
	switch {
	case err != nil:
		return "", err
	case answer.Code != lwm2m.CodeCreated:
		return "", fmt.Errorf("%w with %v", ErrNotRegistered, answer.Code)
	}
	return a.Security.ServerURI, nil
}

func (d *device) result() Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Result{Packed: d.packed, Objects: d.objects.content(), Accounts: d.objects.accounts()}
}

// ServeRequest implements [bootstrap.Handler]: the device's part of the session.
func (d *device) ServeRequest(_ context.Context, _ bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, resp := d.serve(r)
	if d.cfg.Observe != nil {
		d.cfg.Observe(Step{r, p, resp})
	}
	if p == lwm2m.Root && r.Method == bootstrap.POST && resp.Code == lwm2m.CodeChanged && !d.done {
		d.done = true
		return resp, func(context.Context) { close(d.finished) }
	}
	return resp, nil
}

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
		return p, d.get(p, r.Accept)
	case bootstrap.PUT:
		written, err := lwm2m.Decode(r.ContentFormat, p, r.Payload)
		switch {
		case errors.Is(err, lwm2m.ErrFormat):
			return p, code(lwm2m.CodeUnsupportedFormat)
		case err != nil:
			return p, code(lwm2m.CodeBadRequest)
		}
		return p, code(d.objects.write(p, written))
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

// get answers a Discover, or a Read of what may be read (Core 1.1.1 §6.1.7.4).
func (d *device) get(p lwm2m.Path, accept lwm2m.Format) bootstrap.Response {
	if accept == lwm2m.FormatLink {
		if p.Depth() > 1 {
			return bootstrap.Response{Code: lwm2m.CodeBadRequest}
		}
		return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: lwm2m.FormatLink, Payload: lwm2m.AppendDiscovery(nil, d.objects.discovery(p, d.cfg.Version))}
	}
	if o := p.Object(); p.Depth() == 0 || p.Depth() > 2 || o != lwm2m.ObjectServer && o != lwm2m.ObjectAccessControl {
		return bootstrap.Response{Code: lwm2m.CodeMethodNotAllowed}
	}
	var found []lwm2m.Object
	for _, o := range d.objects.content() {
		for _, in := range o.Instances {
			if p.Contains(lwm2m.InstancePath(o.ID, in.ID)) {
				if len(found) == 0 {
					found = []lwm2m.Object{{ID: o.ID}}
				}
				found[0].Instances = append(found[0].Instances, in)
			}
		}
	}
	if len(found) == 0 {
		return bootstrap.Response{Code: lwm2m.CodeNotFound}
	}
	payload, err := lwm2m.Encode(accept, p, found)
	if err != nil {
		return bootstrap.Response{Code: lwm2m.CodeNotAcceptable}
	}
	return bootstrap.Response{Code: lwm2m.CodeContent, ContentFormat: accept, Payload: payload}
}

// finish ends the session if the device can work with what it holds.
func (d *device) finish(r bootstrap.Request) lwm2m.Code {
	if r.Method != bootstrap.POST {
		return lwm2m.CodeMethodNotAllowed
	}
	if c, ok := d.refused(r.Method, "/bs"); ok {
		return c
	}
	if !d.objects.consistent() {
		return lwm2m.CodeNotAcceptable
	}
	return lwm2m.CodeChanged
}
