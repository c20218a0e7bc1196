package sim

import (
	"context"
	"errors"
	"fmt"
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

	// Holds is what it has besides, such as what is left from an earlier bootstrap.
	Holds []lwm2m.Object

	// Refuse answers requests with a code, by method and path: "PUT /1". What is
	// below the path is refused too.
	Refuse map[string]lwm2m.Code

	// SessionTimeout is for how long the device waits for Finish, from the answer to
	// its request. Default 247 s (EXCHANGE_LIFETIME, RFC 7252 §4.8.2).
	SessionTimeout time.Duration

	// Stack is how the software of the device behaves.
	Stack Stack

	// Attempts is how often the device asks at most, where its Stack makes it come back.
	// Default 1.
	Attempts int

	// Speed divides SessionTimeout and the times of Stack, for tests that cannot wait.
	// Default 1.
	Speed int

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

	// BootstrapServer is the account among them with which the device can come back;
	// nil where it has been lost.
	BootstrapServer *lwm2m.SecurityInstance

	// Accounts are the complete ones of LwM2M Servers among them.
	Accounts []Account

	// Registered are the locations that LwM2M Servers gave the device, in the order
	// of Accounts.
	Registered []string

	// Attempts is how often the device asked.
	Attempts int
}

// The errors of [Run].
var (
	// ErrRefused: the Bootstrap-Request was answered with an error.
	ErrRefused = errors.New("bootstrap request refused")

	// ErrNoFinish: the session ended without a Finish that the device could accept.
	ErrNoFinish = errors.New("no bootstrap finish")

	// ErrNoAccount: after Finish the device has no account of an LwM2M Server.
	ErrNoAccount = errors.New("bootstrapped without an account")

	// ErrNotRegistered: an LwM2M Server did not take the device.
	ErrNotRegistered = errors.New("registration refused")
)

// Run bootstraps and registers. The Result is what was reached, with an error too.
func Run(ctx context.Context, cfg Config) (Result, error) {
	d, err := newDevice(cfg)
	if err != nil {
		return Result{}, err
	}
	err = d.persist(ctx)
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
	cfg Config

	mu       sync.Mutex
	objects  *objects // guarded by mu
	packed   bool     // guarded by mu
	attempts int      // guarded by mu
	lost     bool     // an association, as Stack.Returns has it; guarded by mu
}

func newDevice(cfg Config) (*device, error) {
	if cfg.Version == "" {
		cfg.Version = "1.1"
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = 247 * time.Second
	}
	cfg.Attempts = max(cfg.Attempts, 1)
	cfg.Speed = max(cfg.Speed, 1)
	cfg.BootstrapServer.BootstrapServer = true
	o, err := newObjects(cfg)
	return &device{cfg: cfg, objects: o}, err
}

// hasty returns d in the device's own time.
func (d *device) hasty(t time.Duration) time.Duration { return t / time.Duration(d.cfg.Speed) }

func (d *device) result() Result {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := Result{Packed: d.packed, Objects: d.objects.content(), Accounts: d.objects.accounts(), Attempts: d.attempts}
	for _, s := range d.objects.security() {
		if s.BootstrapServer && r.BootstrapServer == nil {
			r.BootstrapServer = &s
		}
	}
	return r
}
