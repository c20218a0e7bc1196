// Package probe plays a device against any Bootstrap-Server, and tells how far it came, what it was
// given, and what stopped it. It makes the same requests as a device; to the server it is that device.
package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/sim"
	"lwbs/lwm2m"
)

// A Config says whom to play, and where.
type Config struct {
	Target Target

	// Device is what the client is like: its Endpoint, its format, its stack. Dial, Observe and the
	// Bootstrap-Server Account are filled in here.
	Device sim.Config

	// Identity and Key are a pre-shared key, for coaps; else Certificate is what the device has, and
	// ServerCertificates are those that it trusts.
	Identity           string
	Key                lwm2m.Secret
	Certificate        *tls.Certificate
	ServerCertificates []*x509.Certificate

	// Silence is for how long nothing may come from the server until the probe gives up; default
	// 15 s. Limit is how long it takes in all; default 5 min.
	Silence, Limit time.Duration

	// Resolve finds the addresses of a name; nil asks the system.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)

	// Progress is told of each step as soon as it is over; nil tells no one. It is called by one
	// goroutine at a time.
	Progress func(Step)
}

// maxSteps is how many steps a report has at most; a server may send operations without end.
const maxSteps = 1000

// The defaults of a [Config].
const (
	DefaultSilence = 15 * time.Second
	defaultLimit   = 5 * time.Minute
)

// A Step is one thing that was tried, in the order of the attempt.
type Step struct {
	What   string        `json:"what"`   // "name", "handshake", "request", or the method of an operation
	About  string        `json:"about"`  // such as a name, or the path of an operation
	Sent   string        `json:"sent"`   // what came with it; empty for nothing
	Result string        `json:"result"` // such as an address or a code
	After  time.Duration `json:"after"`  // nanoseconds since the probe began
	Failed bool          `json:"failed"`
}

// A Report is how it went.
type Report struct {
	Server    string             `json:"server"`
	Endpoint  lwm2m.EndpointName `json:"endpoint,omitempty"`
	Addresses []netip.Addr       `json:"addresses"` // of the server's name
	Address   string             `json:"address,omitempty"`
	Steps     []Step             `json:"steps"`

	// Sent and Received count UDP datagrams.
	Sent     int `json:"sent"`
	Received int `json:"received"`

	// Done is whether the device has what it needs: Bootstrap-Finish, and an account.
	Done bool `json:"done"`

	Verdict

	// Objects are what the server gave the device, and Accounts the complete ones of LwM2M Servers
	// among them.
	Objects  []lwm2m.Object        `json:"-"`
	Accounts []lwm2m.ServerAccount `json:"-"`
}

// An attempt is a probe under way.
type attempt struct {
	cfg    Config
	began  time.Time
	wire   *wire
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	report  Report              // guarded by mu
	facts   facts               // guarded by mu
	written map[lwm2m.Path]bool // Objects and Object Instances that the server wrote; guarded by mu
}

// errSilence and the errors of the network are why an attempt ends early.
var errSilence = errors.New("nothing came from the server")

// Run probes. Its error is that of ctx; anything else is in the report.
func Run(ctx context.Context, cfg Config) (Report, error) {
	if cfg.Silence <= 0 {
		cfg.Silence = DefaultSilence
	}
	if cfg.Limit <= 0 {
		cfg.Limit = defaultLimit
	}
	if cfg.Resolve == nil {
		cfg.Resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	a := &attempt{cfg: cfg, began: time.Now(), written: make(map[lwm2m.Path]bool)}
	a.report = Report{Server: cfg.Target.String(), Endpoint: cfg.Device.Endpoint, Addresses: []netip.Addr{}, Steps: []Step{}}
	a.run(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.facts.target, a.facts.endpoint, a.facts.identity = cfg.Target, cfg.Device.Endpoint, cfg.Identity
	a.facts.silence = cfg.Silence
	a.report.Verdict = a.facts.verdict()
	a.report.Done = a.report.Cause == Done
	return a.report, ctx.Err()
}

func (a *attempt) run(parent context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	ctx, stop := context.WithTimeout(ctx, a.cfg.Limit)
	defer stop()
	a.cancel = cancel
	addr, ok := a.resolve(ctx)
	if !ok {
		return
	}
	silence := time.AfterFunc(a.cfg.Silence, func() { cancel(errSilence) })
	defer silence.Stop()
	a.wire = newWire(func() { silence.Reset(a.cfg.Silence) }, func(err error) { cancel(err) })

	device := a.cfg.Device
	device.BootstrapServer.ServerURI = a.cfg.Target.String()
	device.BootstrapServer.PublicKeyOrIdentity, device.BootstrapServer.SecretKey = []byte(a.cfg.Identity), a.cfg.Key
	device.Stack.Asks.Path, device.Stack.Asks.Queries = a.cfg.Target.Path, a.cfg.Target.Queries
	device.Attempts = 1
	device.Observe = a.observe
	device.Dial = func(ctx context.Context, h bootstrap.Handler) (bootstrap.Conn, error) { return a.dial(ctx, addr, h) }
	result, err := sim.Run(ctx, device)

	a.mu.Lock()
	defer a.mu.Unlock()
	a.facts.err, a.facts.cause = err, context.Cause(ctx)
	a.facts.traffic = a.wire.traffic()
	a.report.Sent, a.report.Received = a.facts.traffic.sent, a.facts.traffic.received
	a.report.Objects, a.report.Accounts = a.given(result), result.Accounts
	a.facts.accounts, a.facts.packed = len(result.Accounts), result.Packed
	if a.facts.shaken && (a.facts.operations == 0 || result.Packed) {
		a.stepLocked(a.requestStep(result, err))
	}
}

// resolve finds the address of the server.
func (a *attempt) resolve(ctx context.Context) (string, bool) {
	t := a.cfg.Target
	if ip, err := netip.ParseAddr(t.Host); err == nil {
		a.report.Addresses = append(a.report.Addresses, ip)
	} else {
		found, err := a.cfg.Resolve(ctx, t.Host)
		a.facts.resolveErr, a.facts.unresolved = err, len(found) == 0
		if len(found) == 0 {
			a.step(Step{What: "name", About: t.Host, Result: "no address", Failed: true})
			return "", false
		}
		var texts []string
		for _, ip := range found {
			a.report.Addresses = append(a.report.Addresses, ip.Unmap())
			texts = append(texts, ip.Unmap().String())
		}
		a.step(Step{What: "name", About: t.Host, Result: strings.Join(texts, ", ")})
	}
	a.report.Address = net.JoinHostPort(a.report.Addresses[0].String(), t.Port)
	return a.report.Address, true
}

// dial opens the association.
func (a *attempt) dial(ctx context.Context, addr string, h bootstrap.Handler) (bootstrap.Conn, error) {
	cfg := coap.DialConfig{Handler: h, Socket: a.wire.socket}
	if !a.cfg.Target.Secure {
		cfg.Tap = a.cfg.Device.Stack.Wire.Tap(false)
		conn, err := coap.DialUDP(ctx, addr, cfg)
		a.shaken(err == nil)
		return conn, err
	}
	cfg.Tap = a.cfg.Device.Stack.Wire.Tap(true)
	cfg.Identity, cfg.Key, cfg.Certificate, cfg.ServerCertificates = a.cfg.Identity, a.cfg.Key, a.cfg.Certificate, a.cfg.ServerCertificates
	if _, err := netip.ParseAddr(a.cfg.Target.Host); err != nil {
		cfg.ServerName = a.cfg.Target.Host
	}
	conn, err := coap.DialDTLS(ctx, addr, cfg)
	a.shaken(err == nil)
	if err != nil {
		a.step(Step{What: "handshake", About: "DTLS 1.2 with " + addr, Result: "not completed", Failed: true})
		return nil, err
	}
	a.step(Step{What: "handshake", About: "DTLS 1.2 with " + addr, Result: "completed"})
	return conn, nil
}

func (a *attempt) shaken(yes bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.facts.shaken = yes
}

// observe notes one request of the server, and what the device answered.
func (a *attempt) observe(s sim.Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.facts.operations == 0 { // the server asks only after it has accepted the request
		a.stepLocked(Step{What: "request", About: a.requestText(), Result: "accepted"})
	}
	a.facts.operations++
	step := Step{What: s.Request.Method.String(), About: s.Path.String(), Result: s.Response.Code.String(), Failed: !s.Response.Code.Success()}
	switch {
	case s.Request.Method == bootstrap.POST:
		step.About, step.Sent = "/bs", "Bootstrap-Finish"
		a.facts.finish = s.Response.Code
	case s.Request.Method == bootstrap.PUT:
		a.written[instanceOf(s.Path)] = a.written[instanceOf(s.Path)] || !step.Failed
		step.Sent = fmt.Sprintf("%v, %d bytes", s.Request.ContentFormat, len(s.Request.Payload))
	case s.Request.Method == bootstrap.GET && s.Request.Accept == lwm2m.FormatLink:
		step.Sent = "Bootstrap-Discover"
	case s.Request.Method == bootstrap.GET:
		step.Sent = "Bootstrap-Read"
	}
	a.facts.last = step
	if step.Failed && s.Request.Method == bootstrap.PUT {
		a.facts.refused = append(a.facts.refused, step)
	}
	a.stepLocked(step)
}

// instanceOf is the Object Instance that a path is in; a path of an Object stays.
func instanceOf(p lwm2m.Path) lwm2m.Path {
	if p.Depth() < 2 {
		return p
	}
	return lwm2m.InstancePath(p.Object(), p.Instance())
}

// given returns what the server wrote of what the device holds. The caller holds mu.
func (a *attempt) given(r sim.Result) (out []lwm2m.Object) {
	for _, o := range r.Objects {
		kept := lwm2m.Object{ID: o.ID}
		for _, in := range o.Instances {
			if r.Packed || a.written[lwm2m.ObjectPath(o.ID)] || a.written[lwm2m.InstancePath(o.ID, in.ID)] {
				kept.Instances = append(kept.Instances, in)
			}
		}
		if len(kept.Instances) > 0 {
			out = append(out, kept)
		}
	}
	return out
}

// requestText is the Bootstrap-Request as it is sent.
func (a *attempt) requestText() string {
	t, d := a.cfg.Target, a.cfg.Device
	queries := t.Queries[:len(t.Queries):len(t.Queries)]
	if !d.OmitEndpoint {
		queries = append(queries, "ep="+string(d.Endpoint))
	}
	if d.PreferredFormat != 0 {
		queries = append(queries, fmt.Sprintf("pct=%d", d.PreferredFormat.Number()))
	}
	text := "POST /" + strings.Join(append(t.Path[:len(t.Path):len(t.Path)], "bs"), "/")
	if len(queries) > 0 {
		text += "?" + strings.Join(queries, "&")
	}
	return text
}

// requestStep is the step of a request that no operation followed.
func (a *attempt) requestStep(result sim.Result, err error) Step {
	s := Step{What: "request", About: a.requestText(), Result: "no answer", Failed: true}
	switch {
	case result.Packed:
		return Step{What: "request", About: "GET /bspack", Result: "Bootstrap-Pack"}
	case errors.Is(err, sim.ErrRefused):
		s.Result = strings.TrimSpace(strings.TrimPrefix(err.Error(), sim.ErrRefused.Error()+" with "))
	case errors.Is(err, sim.ErrNoFinish):
		s.Result, s.Failed = "accepted; no operation followed", false
	}
	return s
}

func (a *attempt) step(s Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stepLocked(s)
}

// stepLocked notes a step. The caller holds mu.
func (a *attempt) stepLocked(s Step) {
	if len(a.report.Steps) == maxSteps {
		return
	}
	s.After = time.Since(a.began)
	a.report.Steps = append(a.report.Steps, s)
	if a.cfg.Progress != nil {
		a.cfg.Progress(s)
	}
}
