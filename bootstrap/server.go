package bootstrap

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/history"
	"lwbs/bootstrap/outcome"
	"lwbs/bootstrap/panics"
	"lwbs/bootstrap/pending"
	"lwbs/bootstrap/provision"
	"lwbs/bootstrap/ratequeue"
	"lwbs/bootstrap/request"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Server is the Bootstrap-Server: it answers Bootstrap-Requests and bootstraps the clients that
// are permitted to. Its methods may be called concurrently.
type Server struct {
	*auth.HandshakeAuthenticator // what handshakes ask
	*attempt.Reports             // what listeners tell of attempts without a request

	cfg       Config
	auth      *auth.Authorizer
	enroller  *auth.Enroller
	provider  *provision.Provider
	sessions  *registry
	turns     *turns
	pending   *pending.List
	history   *history.History
	attempts  *attempt.Recorder
	closeOnce sync.Once
}

// NewServer returns a Server, which runs until it is closed. Its error names every
// mistake in cfg.
func NewServer(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("new bootstrap server: %w", err)
	}
	observe := cfg.Observe
	cfg.Observe = func(e Event) {
		defer cfg.Panics.Contain(panics.Observer)
		observe(e)
	}
	ctx, cancel := context.WithTimeout(context.Background(), provision.Timeout)
	defer cancel()
	list, err := pending.Open(ctx, cfg.Store, cfg.Logger, cfg.Pending)
	if err != nil { // those that were rejected may wait again; devices are served
		cfg.Logger.LogAttrs(ctx, slog.LevelError, "pending devices not read", slog.Any("error", err))
	}
	srv := &Server{cfg: cfg, auth: cfg.authorizer(), pending: list, sessions: newRegistry(cfg, list), history: history.New(cfg.history())}
	srv.turns = &turns{queues: make(map[turnKey]*ratequeue.Queue)}
	list.OnDecision(srv.sessions.wake)
	srv.enroller = &auth.Enroller{Authorizer: srv.auth, Store: cfg.Store, Rejections: list, Logger: cfg.Logger, MayBegin: srv.sessions.refuses, Limit: cfg.Enrolments}
	srv.provider = &provision.Provider{Store: cfg.Store, Auth: srv.auth, Rand: cfg.Rand, Objects: cfg.Objects, Logger: cfg.Logger}
	srv.attempts = &attempt.Recorder{IDs: cfg.ids(ctx), Auth: srv.auth, History: srv.history, Addresses: history.NewAddresses(), Logger: cfg.Logger,
		Observe: func(s store.Session) { cfg.Observe(Event{EventEnded, s}) }}
	srv.HandshakeAuthenticator = auth.NewHandshakeAuthenticator(srv.auth, cfg.Panics)
	srv.Reports = attempt.NewReports(srv.attempts, cfg.Store, cfg.Panics, srv.Running)
	return srv, nil
}

// SetEnrolments changes [Config.Enrolments] while the Server runs; zero stands for the default.
func (srv *Server) SetEnrolments(perMinute int) {
	srv.enroller.SetLimit(cmp.Or(perMinute, defaultEnrolments))
}

// ServeRequest is the [Handler] of listeners that reject unknown devices; see [Server.Handler] for
// others. Other methods on its resources are
// answered 4.05, other resources 4.04. A panic is recorded as cause internal-error.
func (srv *Server) ServeRequest(ctx context.Context, conn Conn, r Request) (resp Response, after func(context.Context)) {
	u, _ := UnknownDevices{}.withDefaults() // which has no mistake
	return srv.serve(ctx, conn, r, u)
}

// serve is ServeRequest for a listener that treats unknown devices as u says.
func (srv *Server) serve(ctx context.Context, conn Conn, r Request, u UnknownDevices) (resp Response, after func(context.Context)) {
	defer srv.cfg.Panics.Contain(panics.Request, func() { resp, after = srv.answerPanicked(ctx, conn, r), nil })
	switch resource := request.Resource(r.Path); {
	case resource == request.PathBootstrap && r.Method == POST:
		return srv.serveBootstrap(ctx, conn, r, u)
	case resource == request.PathPack && r.Method == GET:
		return srv.servePack(ctx, conn, r, u)
	case resource == request.PathBootstrap || resource == request.PathPack:
		srv.misdirected(ctx, conn, r)
		return Response{Code: lwm2m.CodeMethodNotAllowed}, nil
	}
	srv.misdirected(ctx, conn, r)
	return Response{Code: lwm2m.CodeNotFound}, nil
}

// misdirected records a request for something that no Bootstrap-Server has. Over plain CoAP only
// a registration is recorded: other requests are most likely those of scanners.
func (srv *Server) misdirected(ctx context.Context, conn Conn, r Request) {
	registers := request.Resource(r.Path) == request.PathRegistration && r.Method == POST
	if !registers && !conn.Peer().Secure() {
		return
	}
	detail := fmt.Sprintf("the request was %v /%s", r.Method, outcome.Printable(strings.Join(r.Path, "/"), outcome.MaxIdentity))
	why := outcome.Failure{Cause: store.CauseOtherRequest, Detail: detail}
	if registers {
		why.Detail += ", by which a client registers with an LwM2M Server"
		why.Variant = store.VariantRegisters
	}
	ep, _ := request.ParseEndpoint(r.Queries)
	record := srv.attempts.Begin(conn.Peer(), time.Now())
	srv.refuseUnread(ctx, conn.Peer(), ep, record, &outcome.Refusal{Failure: why})
}

// serveBootstrap answers a Bootstrap-Request. The session that it may start sends
// nothing before the answer is on its way.
func (srv *Server) serveBootstrap(ctx context.Context, conn Conn, r Request, u UnknownDevices) (Response, func(context.Context)) {
	record := srv.attempts.Begin(conn.Peer(), time.Now())
	req, refused := request.ParseBootstrap(r.Queries)
	record.PreferredFormat = req.Format
	if refused != nil {
		return srv.refuseUnread(ctx, conn.Peer(), req.Endpoint, record, refused), nil
	}
	d, refused := srv.identify(ctx, conn.Peer(), req.Endpoint, &record)
	if refused != nil {
		if w := srv.waiterOf(ctx, conn.Peer(), req.Endpoint, record, refused, u); w != nil {
			return srv.serveUnknown(ctx, conn, w, record)
		}
		return srv.refuseFor(ctx, record, refused, u), nil
	}
	s, sctx, refused := srv.startSession(ctx, conn, d, record)
	if refused != nil {
		return srv.refuse(ctx, record, refused), nil
	}
	return Response{Code: lwm2m.CodeChanged}, func(context.Context) { s.run(sctx) }
}

// answerPanicked answers a request that the server panicked over, and records the attempt. Where
// the look-up of the device panics too, the record has only what the client said.
func (srv *Server) answerPanicked(ctx context.Context, conn Conn, r Request) (resp Response) {
	why := outcome.OwnFault(*outcome.Panicked())
	resp = answerTo(why)
	defer srv.cfg.Panics.Contain(panics.Request)
	record, known := srv.attempts.Begin(conn.Peer(), time.Now()), false
	ep, _ := request.ParseEndpoint(r.Queries)
	srv.cfg.Panics.Run(panics.Request, func() {
		look := lookingUp(ctx)
		defer look.end()
		ctx = look
		named := store.Device{}
		if ep != "" {
			named, _ = srv.auth.Found(srv.cfg.Store.Device(ctx, ep))
		}
		srv.attempts.Attribute(ctx, &record, conn.Peer(), ep, named)
		known = true
	})
	if !known {
		record.Endpoint = ep
	}
	return srv.refuse(ctx, record, why)
}

// identify returns the device that sent the request, or why it may not bootstrap. It notes in the
// record whose attempt it is.
func (srv *Server) identify(ctx context.Context, peer auth.Peer, ep lwm2m.EndpointName, record *store.Session) (store.Device, *outcome.Refusal) {
	look := lookingUp(ctx)
	defer look.end()
	ctx = look
	d, refused := srv.auth.Authorize(ctx, peer, ep)
	if refused != nil && refused.Cause == store.CauseEndpointUnknown {
		d, refused = srv.enroller.Enrol(ctx, peer, ep, record, refused)
	}
	switch {
	case refused != nil:
		srv.attempts.Attribute(ctx, record, peer, ep, d)
	case peer.Secure():
		srv.attempts.Authenticated(record, peer, d, ep)
	default:
		attempt.About(record, d)
	}
	return d, refused
}

// startSession makes a session of d, which may bootstrap, or says why none may begin now.
func (srv *Server) startSession(ctx context.Context, conn Conn, d store.Device, record store.Session) (*session, context.Context, *outcome.Refusal) {
	if refused := srv.sessions.refuses(record); refused != nil { // before there is any work
		return nil, nil, refused
	}
	look := lookingUp(ctx)
	defer look.end()
	given, f := srv.provider.Resolve(look, d, conn.Peer())
	if f == nil {
		f = interruption(ctx, " while its request was looked at")
	}
	if f != nil {
		return nil, nil, outcome.OwnFault(*f)
	}
	if record.Proof.Counts() { // one whose address is not validated must cost no place
		if refused := srv.refusesTurn(ctx, record.Endpoint, given.Profile); refused != nil {
			return nil, nil, refused
		}
	}
	s, sctx := srv.newSession(ctx, conn, record)
	s.given = given
	if refused := srv.sessions.add(s); refused != nil {
		s.cancel(nil)
		return nil, nil, refused
	}
	return s, sctx, nil
}

// refuseUnread refuses a request that could not be read. Ep is the name in it, if that could.
func (srv *Server) refuseUnread(ctx context.Context, peer auth.Peer, ep lwm2m.EndpointName, record store.Session, why *outcome.Refusal) Response {
	look := lookingUp(ctx)
	defer look.end()
	ctx = look
	var named store.Device
	if ep != "" {
		named, _ = srv.auth.Found(srv.cfg.Store.Device(ctx, ep))
	}
	srv.attempts.Attribute(ctx, &record, peer, ep, named)
	return srv.refuse(ctx, record, why)
}

// refuseFor is refuse for a peer that may get no answer, as u says.
func (srv *Server) refuseFor(ctx context.Context, record store.Session, why *outcome.Refusal, u UnknownDevices) Response {
	resp := srv.refuse(ctx, record, why)
	if u.silence(record, why) {
		return Response{}
	}
	return resp
}

// refuse records an attempt that starts no session, and returns the answer to it. It
// never waits for the store.
func (srv *Server) refuse(ctx context.Context, record store.Session, why *outcome.Refusal) Response {
	srv.attempts.End(ctx, record, why.Failure)
	return answerTo(why)
}

// answerTo is the response to a refused client, with a diagnostic payload (RFC 7252 §5.5.2).
func answerTo(r *outcome.Refusal) Response {
	return Response{Code: r.Code, Payload: []byte(r.Reply), MaxAge: r.ComeAgain}
}

// storeFault logs an error of the store and returns what may be told of it.
func (srv *Server) storeFault(err error) outcome.Failure {
	return outcome.StoreFault(srv.cfg.Logger, err)
}

// Active returns the sessions that are running, as they stand, oldest first. Those that wait for
// approval are among them, with the stage "parked"; unvalidated requests are not.
func (srv *Server) Active() []store.Session { return srv.sessions.snapshot() }

// ActiveCount is how many sessions are running, without those that are parked.
func (srv *Server) ActiveCount() int { return srv.sessions.count() }

// Unvalidated is how many Bootstrap-Requests over plain CoAP wait for a first answer of their
// clients. Their addresses may be forged; they are not sessions yet.
func (srv *Server) Unvalidated() int { return srv.sessions.unvalidatedLen() }

// Running returns the session of a device that is running, as it stands, or that has ended and is not
// in the history yet; then it may have a Cause. Where there is none, it
// returns the newest unvalidated request in the name of the device, whose Proof is
// [store.ProofNone]; nil for neither.
func (srv *Server) Running(ep lwm2m.EndpointName) *store.Session {
	s := srv.sessions.find(ep)
	if s == nil {
		return nil
	}
	record := s.snapshot()
	return &record
}

// Unrecorded is how many attempts were refused so far without a record of their own in
// the history, since a limit of it was reached.
func (srv *Server) Unrecorded() uint64 { return srv.history.Unrecorded() }

// Refuse refuses new sessions from now on.
func (srv *Server) Refuse() { srv.sessions.drain() }

// Draining reports whether new sessions are refused, as the server is about to stop.
func (srv *Server) Draining() bool { return srv.sessions.isDraining() }

// Drain refuses new sessions from now on and waits for the running ones, but not for unvalidated
// requests. Its error is that of ctx where they took longer.
func (srv *Server) Drain(ctx context.Context) error {
	srv.Refuse()
	if err := srv.sessions.drained(ctx); err != nil {
		return fmt.Errorf("drain sessions: %w", err)
	}
	return nil
}

// Close ends the running sessions, with cause "server-stopped", and returns when all
// history is kept. It never fails. Call it before the listeners are closed: otherwise
// the history says of running sessions that their devices have gone.
func (srv *Server) Close() error {
	srv.closeOnce.Do(func() {
		srv.sessions.drain()
		srv.sessions.stop(ErrStopping)
		srv.sessions.waitAll()
		srv.Reports.Close()
		srv.pending.Close()
		srv.history.Close()
	})
	return nil
}
