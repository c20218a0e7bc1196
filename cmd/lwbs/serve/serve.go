// Package serve is lwbs serve: the running server, its listeners, files and metrics.
package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/client"
	"lwbs/bootstrap/admin/openid"
	"lwbs/bootstrap/admin/socket"
	"lwbs/bootstrap/admin/web"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/campaign"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/handover"
	"lwbs/bootstrap/metrics"
	"lwbs/bootstrap/outbox"
	"lwbs/bootstrap/panics"
	"lwbs/bootstrap/trace"
	"lwbs/cmd/lwbs/internal/collector"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/lastresort"
	"lwbs/cmd/lwbs/internal/logqueue"
	"lwbs/cmd/lwbs/internal/settings"
	"lwbs/cmd/lwbs/internal/systemd"
	"lwbs/lwm2m/object"
	"lwbs/store"
)

// Command is lwbs serve.
func Command() *cli.Command {
	return &cli.Command{
		Name: "serve", Usage: "run the Bootstrap-Server", OnUsageError: command.OnUsageError,
		Description: `At SIGTERM or an interrupt the server refuses new sessions, waits for the running ones (--drain), and
stops. A second signal stops it at once. The process exits at most 15 s later, even if something
hangs.

Each option can be given by a variable of the environment and by a configuration file (--config) too: an option goes before the
environment, and that before the file. "lwbs config" checks such a file, prints one with every key, and shows what is in force. At SIGHUP
the file is read again; the log says what of it is in force now, and what needs a restart. A file with a mistake changes nothing.
Certificates are read again at SIGHUP and when their files change.`,
		Flags:  options(),
		Action: serve,
	}
}

// options are the options of lwbs serve, and the keys of its configuration file.
func options() []cli.Flag {
	return settings.WithEnvironment(append([]cli.Flag{
		&cli.StringSliceFlag{Name: "coaps", Value: cli.NewStringSlice(":5684"), Usage: "serve CoAP over DTLS at `ADDRESS`; may be repeated; off for no DTLS"},
		&cli.StringSliceFlag{Name: "coap", Usage: "serve plain CoAP at `ADDRESS`, such as :5683, to devices whose record permits it; may be repeated (default: off)"},
		&cli.UintFlag{Name: "replica-id", Usage: "begin DTLS connection IDs with the byte `NUMBER`, 0 to 255, for a load balancer in front of several servers"},
		&cli.BoolFlag{Name: "allow-commands", Usage: "run the programs of LwM2M Servers of kind command, as the user of this server"},
		&cli.StringFlag{Name: "metrics", Usage: "serve /metrics, /healthz and /readyz over HTTP at `ADDRESS`, on loopback unless it names another interface (default: only on the admin socket)"},
		&cli.DurationFlag{Name: "drain", Value: time.Minute, Usage: "let running sessions go on for at most `TIME` after SIGTERM; 0 ends them at once"},
		&cli.StringFlag{Name: "log", Value: "info", Usage: "log records of this `LEVEL` and above: debug, info, warn or error"},
		&cli.BoolFlag{Name: "log-json", Usage: "log in JSON"},
	}, slices.Concat(tlsFlags(), unknownFlags(), limitFlags(), leshanFlags(), webFlags())...))
}

func serve(c *cli.Context) error {
	if _, err := command.Arguments(c); err != nil {
		return err
	}
	set, err := settings.Of(c)
	if err != nil {
		return err
	}
	if err := set.Explain(check(set.Context)); err != nil {
		return err
	}
	c = set.Context                  // which has all of them, wherever they were given
	asked := make(chan os.Signal, 1) // one that waits stands for those that come meanwhile
	signal.Notify(asked, syscall.SIGHUP)
	defer signal.Stop(asked)
	signal.Ignore(syscall.SIGPIPE) // the reader of the log may exit
	lastresort.Of(c.Context).Allow(c.Duration("drain") + lastresort.ClosingTime)
	level := new(slog.LevelVar)
	first, _ := levelOf(c) // which was checked
	level.Set(first)
	log, lines := newLogger(c, level)
	defer lines.Close(time.Second)
	socketPath, err := command.SocketFile(c)
	if err != nil {
		return err
	}
	if running, err := client.Dial(c.Context, socketPath); err == nil {
		running.Close()
		return fmt.Errorf("admin socket %s: %w: stop it, or name another database with --db", socketPath, socket.ErrRunning)
	}
	objects, lost, err := command.ReadObjects(c)
	if err != nil {
		return err
	}
	command.LogObjects(log, lost)
	files, err := tlsFilesOf(c)
	if err != nil {
		return err
	}
	tokens, err := leshanTokens(c, log)
	if err != nil {
		return err
	}
	guard := panics.New(log)
	keeper, err := newTLSKeeper(c.Context, files, log, guard)
	if err != nil {
		return err
	}
	webFiles, err := newWebKeeper(c, log, guard)
	if err != nil {
		return err
	}
	at, err := listenHTTP(c, socketPath, keeper, webFiles) // before a database is made or migrated
	if err != nil {
		return err
	}
	// The HTTP listeners outlive the signal, so that commands work while sessions end.
	answers := serveStartup(context.WithoutCancel(c.Context), at, log)
	opts := answers.options()
	opts.Panicked = func(v any) { guard.Note(panics.Store, v) }
	db, err := command.OpenStore(c, true, opts)
	if err != nil {
		return errors.Join(err, answers.close())
	}
	answers.opened()
	collector.Tune()
	s := &service{version: c.App.Version, settings: set, reloader: newReloader(set), level: level, asked: asked, log: log, lines: lines, panics: guard, db: db, file: command.DatabaseFile(c), tls: keeper, web: webFiles, tokens: tokens, leshanNoSec: c.Bool(leshanNoSec), objects: objects, passwords: access.NewPasswords(db, log), metrics: metrics.New(), events: new(admin.Hub)}
	return errors.Join(s.run(c, socketPath, at, answers), db.Close())
}

// A service is a running server: the Bootstrap-Server, its listeners and its
// administration.
type service struct {
	version     string
	settings    *settings.Set    // as they were at the start
	level       *slog.LevelVar   // of log
	asked       <-chan os.Signal // to reload
	reloader    *reloader
	log         *slog.Logger
	lines       *logqueue.Writer // the queue of log
	out         *logqueue.Writer // standard output
	panics      *panics.Guard
	db          command.Database
	file        string // the path of db
	tls         *tlsKeeper
	web         *webKeeper // nil without --web
	passwords   *access.Passwords
	access      *access.Manager  // of --web
	pages       *web.Pages       // of --web
	issuer      *openid.Provider // of --oidc; nil without
	tokens      *tokenKeeper     // nil without --leshan-api
	leshanNoSec bool             // of --leshan-api-no-sec
	objects     *object.Registry
	metrics     *metrics.Metrics
	events      *admin.Hub
	tracer      *trace.Tracer

	server     *bootstrap.Server
	handOver   *handover.Servers
	campaigns  *campaign.Runner
	outbox     *outbox.Outbox
	stopExpiry func()
	listeners  []*coap.Listener
	addresses  []*servedAddress // of listeners, in their order
	listens    []string
	started    time.Time
}

func (s *service) run(c *cli.Context, socketPath string, at httpListeners, answers *startup) error {
	s.out = logqueue.New(c.App.Writer, func(uint64) []byte { return nil })
	defer s.out.Close(time.Second)
	if err := s.start(c); err != nil {
		return errors.Join(err, s.close(), answers.close())
	}
	sites := s.sites(at)
	for i, site := range sites {
		answers.handlers[i].set(site.handler)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(c.Context))
	defer running(func() { s.tls.watch(ctx) })()
	defer s.watchWeb(ctx)()
	defer running(func() { s.watchReloads(ctx) })()
	defer s.runCampaigns(c.Context)()
	defer stop() // before the wait
	for _, where := range s.listens {
		fmt.Fprintf(s.out, "listening on %s\n", where)
	}
	tellSites(s.out, sites, socketPath)
	s.notify(systemd.Ready)

	var err error
	select {
	case <-c.Context.Done():
	case err = <-answers.ended:
		answers.ended <- nil
	}
	s.drain(c)
	return errors.Join(err, s.close(), answers.close())
}

// start starts the Bootstrap-Server and its listeners.
func (s *service) start(c *cli.Context) (err error) {
	s.started = time.Now()
	watch := new(coap.Watch)
	s.tracer = trace.New(s.objects, watch.Set)
	s.handOver = handover.NewServers(s.metrics.Store(s.db), handover.Options{Commands: c.Bool("allow-commands")})
	s.campaigns = s.newCampaigns()
	s.server, err = bootstrap.NewServer(bootstrap.Config{
		Store: s.metrics.Store(s.db), HandOver: s.handOver, Enrolments: c.Int("enrolments-per-minute"), Logger: s.log, Panics: s.panics, Objects: s.objects, Trust: s.tls.trust, Pending: pendingLimits(c),
		Observe: func(e bootstrap.Event) {
			s.metrics.Observe(e)
			s.events.Observe(e)
			s.tracer.Observe(e)
			s.campaigns.Observe(e)
		},
	})
	if err != nil {
		return err
	}
	s.startOutbox()
	s.metrics.Panics(s.panics)
	s.metrics.Unvalidated(s.server.Unvalidated)
	s.metrics.Unreadable(func() int { return len(s.db.Unreadable()) })
	s.metrics.Writing(s.db.Writing)
	s.metrics.Log(func() uint64 { dropped, _ := s.lines.Lost(); return dropped })
	s.metrics.Server(s.server.ActiveCount, s.server.Unrecorded)
	s.metrics.Pending(s.server.ParkedCount, s.server.Pending().Len)
	s.metrics.Queues(s.server.HeldCount, s.server.RateQueues)
	cfg := coap.Config{PSK: s.server.PSK, OtherPSK: s.server.OtherPSK, Logger: s.log, Panics: s.panics, Watch: watch,
		HandshakeDone:   func(took time.Duration) { s.metrics.Handshake(took, true) },
		HandshakeFailed: s.handshakeFailed,
		OtherProtocol:   s.server.OtherProtocol,
		DTLS:            coap.DTLSConfig{NoRequest: s.server.NoRequest, UnknownAssociation: s.server.UnknownAssociation, KnownAddress: s.server.KnownAddress, ReplicaID: uint8(c.Uint("replica-id"))}}
	if len(s.tls.certificates()) > 0 {
		cfg.DTLS.Certificates, cfg.DTLS.VerifyClient = s.tls.certificates, s.server.VerifyClient
		s.metrics.Certificates(s.tls.firstExpiry)
	}
	if err := setLimits(c, &cfg); err != nil {
		return err
	}
	if kept, can := s.db.(store.Associations); can && c.String("hibernate") == hibernateDisk {
		cfg.DTLS.Keeper = associationKeeper{kept, s.log}
	}
	s.warnUnknown(c)
	if err := s.listen(c, "coaps", coap.ListenDTLS, cfg); err != nil {
		return err
	}
	if err := s.listen(c, "coap", coap.ListenUDP, cfg); err != nil {
		return err
	}
	return nil
}

// listen opens a listener at each address but off.
func (s *service) listen(c *cli.Context, scheme string, open func(string, coap.Config) (*coap.Listener, error), cfg coap.Config) error {
	for _, addr := range c.StringSlice(scheme) {
		if addr == off {
			continue
		}
		h, err := s.handlerAt(c, scheme, addr)
		if err != nil {
			return err
		}
		at := &servedAddress{scheme: scheme, addr: addr}
		at.handler.Store(&h)
		cfg.Handler = at
		l, err := open(addr, cfg)
		if err != nil {
			return listenError(scheme, addr, err)
		}
		s.listeners, s.addresses = append(s.listeners, l), append(s.addresses, at)
		s.listens = append(s.listens, scheme+"://"+l.Addr().String())
		s.metrics.Transport(scheme, fmt.Sprintf("%s-%d", scheme, len(s.listeners)), func() metrics.Transport { return transport(l) })
	}
	return nil
}

func (s *service) handshakeFailed(h auth.Handshake) {
	s.metrics.Handshake(time.Since(h.Started), false)
	s.server.HandshakeFailed(h)
}

func listenError(scheme, addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s at %s: the port is in use by another program: stop it, or choose another address with --%s", scheme, addr, scheme)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s at %s: this machine has no such address: choose another with --%s", scheme, addr, scheme)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s at %s: not permitted: choose a port of 1024 or above", scheme, addr)
	}
	return fmt.Errorf("%s at %s: %w", scheme, addr, err)
}

func transport(l *coap.Listener) metrics.Transport {
	c := l.Counters()
	dropped := make(map[string]uint64)
	for reason, n := range c.Dropped.All() {
		dropped[reason.String()] = n
	}
	return metrics.Transport{
		Received: c.Received, Sent: c.Sent, Retransmitted: c.Retransmitted, Withheld: c.Withheld,
		Duplicates: c.Duplicates, Dropped: dropped,
		Woken: c.Woken, Evicted: c.Evicted, Crowded: c.Crowded, Stale: c.Stale, Restored: c.Restored, Unkept: c.Unkept,
		Associations: l.Peers(), Hibernated: l.Hibernated(), Unwritten: l.Unwritten(), HalfOpen: l.Handshakes(),
	}
}

func (s *service) administration() *admin.Local {
	return &admin.Local{Store: measuredDB{s.metrics.Store(s.db), s.db, s.db, s.db}, Objects: s.objects, HandOver: s.handOver, Outbox: s.outbox, Events: s.events, Passwords: s.passwords, Version: s.version, Database: s.file, Running: s.server.Running, Active: s.server.Active, Pending: s.server.Pending(), Handshake: s.handshakeAs, Tracer: s.tracer, CampaignChanged: s.campaigns.Wake, Server: func() admin.Status {
		dropped, blocked := s.lines.Lost()
		return admin.Status{WriteWait: slowWrite(s.db.Writing()), LogDropped: dropped, LogBlocked: blocked, Started: s.started, Listens: s.listens, Active: s.server.ActiveCount(), Parked: s.server.ParkedCount(), Held: s.server.HeldCount(), Queues: admin.QueuesOf(s.server.RateQueues()), Draining: s.server.Draining(), Unrecorded: s.server.Unrecorded(), Certificates: append(s.tls.statuses(), s.web.statuses()...)}
	}}
}

// handshakeAs returns the newest DTLS handshake of all listeners whose peer has named this PSK
// identity.
func (s *service) handshakeAs(identity string) (from string, since time.Time, ok bool) {
	for _, l := range s.listeners {
		if a, began, is := l.HandshakeAs(identity); is && began.After(since) {
			from, since, ok = "coaps://"+a.String(), began, true
		}
	}
	return from, since, ok
}

// slowWrite is a wait for the disk in seconds, zero for one that a slow disk may need.
func slowWrite(wait time.Duration) int {
	if wait < 5*time.Second {
		return 0
	}
	return int(wait.Seconds())
}

// drain lets running sessions end, until the limit or a second signal.
func (s *service) drain(c *cli.Context) {
	s.notify(systemd.Stopping)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context), s.drainTime())
	defer cancel()
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.server.Refuse()
	if n := s.server.ActiveCount(); n > 0 {
		fmt.Fprintf(s.out, "waiting for %d sessions to end; interrupt again to stop at once\n", n)
	}
	if err := s.server.Drain(ctx); err != nil {
		s.log.Warn("sessions were cut off", "sessions", s.server.ActiveCount())
	}
	lastresort.Of(c.Context).Within(lastresort.ClosingTime)
}

// close closes everything but the database.
func (s *service) close() error {
	var errs []error
	s.closeWeb()
	if s.server != nil {
		errs = append(errs, s.server.Close())
	}
	if s.outbox != nil {
		s.stopExpiry()
		s.outbox.Close()
		s.handOver.Close()
	}
	for _, l := range s.listeners {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
