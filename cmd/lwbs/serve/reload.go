package serve

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap"
	"lwbs/cmd/lwbs/internal/lastresort"
	"lwbs/cmd/lwbs/internal/settings"
	"lwbs/cmd/lwbs/internal/systemd"
	"lwbs/store/yamltree"
)

// A reloader takes what has changed in the configuration file into use.
type reloader struct {
	drain atomic.Int64      // the time of --drain
	inUse map[string]string // by key; of the goroutine that reloads
}

func newReloader(set *settings.Set) *reloader {
	r := &reloader{inUse: make(map[string]string)}
	for _, k := range set.Keys {
		r.inUse[k.Name] = set.Text(k)
	}
	r.drain.Store(int64(set.Duration("drain")))
	return r
}

// errRestart: the new values cannot be taken into use while the server runs.
var errRestart = errors.New("needs a restart")

// live are the settings that change while the server runs, those together that are used together. Prepare checks the new
// values of c, and returns what takes them into use; [errRestart] where that needs a restart after all.
var live = []struct {
	keys    []string
	prepare func(ctx context.Context, s *service, c *cli.Context) (commit func(), err error)
}{
	{[]string{"log"}, prepareLog},
	{[]string{"drain"}, prepareDrain},
	{[]string{"unknown-devices", "unknown-devices-plain", "park-time", "park-keep-alive"}, prepareUnknown},
	{[]string{"max-pending"}, func(_ context.Context, s *service, c *cli.Context) (func(), error) {
		return func() { s.server.Pending().SetLimits(pendingLimits(c)) }, nil
	}},
	{[]string{"enrolments-per-minute"}, func(_ context.Context, s *service, c *cli.Context) (func(), error) {
		return func() { s.server.SetEnrolments(c.Int("enrolments-per-minute")) }, nil
	}},
	{[]string{"new-peer-rate", "new-peer-rate-per-net"}, prepareRates},
	{[]string{"tls-cert", "tls-key", "tls-client-ca", "tls-crl", "tls-endpoint-from"}, prepareTLS},
	{[]string{webCert, webKey, webClientCA}, prepareWeb},
	{[]string{leshanTokenFile}, prepareTokens},
}

// A servedAddress is an address with a listener. Its handler can be replaced.
type servedAddress struct {
	scheme, addr string
	handler      atomic.Pointer[bootstrap.Handler]
}

// ServeRequest implements [bootstrap.Handler].
func (a *servedAddress) ServeRequest(ctx context.Context, conn bootstrap.Conn, r bootstrap.Request) (bootstrap.Response, func(context.Context)) {
	return (*a.handler.Load()).ServeRequest(ctx, conn, r)
}

// handlerAt is the handler of a listener.
func (s *service) handlerAt(c *cli.Context, scheme, addr string) (bootstrap.Handler, error) {
	u, err := unknownDevices(c, scheme, addr)
	if err != nil {
		return nil, err
	}
	return s.server.Handler(u)
}

func prepareLog(_ context.Context, s *service, c *cli.Context) (func(), error) {
	level, err := levelOf(c)
	return func() { s.level.Set(level) }, err
}

func prepareDrain(_ context.Context, s *service, c *cli.Context) (func(), error) {
	d := c.Duration("drain")
	return func() {
		s.reloader.drain.Store(int64(d))
		lastresort.Of(c.Context).Allow(d + lastresort.ClosingTime)
	}, nil
}

func prepareUnknown(_ context.Context, s *service, c *cli.Context) (func(), error) {
	handlers := make([]bootstrap.Handler, len(s.addresses))
	for i, a := range s.addresses {
		var err error
		if handlers[i], err = s.handlerAt(c, a.scheme, a.addr); err != nil {
			return nil, err
		}
	}
	return func() {
		for i, a := range s.addresses {
			a.handler.Store(&handlers[i])
		}
		s.warnUnknown(c)
	}, nil
}

func prepareRates(_ context.Context, s *service, c *cli.Context) (func(), error) {
	return func() {
		for _, l := range s.listeners {
			if err := l.SetNewPeerRates(c.Int("new-peer-rate"), c.Int("new-peer-rate-per-net")); err != nil {
				s.log.Error("the rates of new peers stay as they were", "listener", l.Addr(), "error", err)
			}
		}
	}, nil
}

func prepareTLS(ctx context.Context, s *service, c *cli.Context) (func(), error) {
	files, err := tlsFilesOf(c)
	if err != nil {
		return nil, err
	}
	if (len(files.certificates) == 0) != (len(s.tls.certificates()) == 0) {
		return nil, errRestart // the listeners have certificates from the start, or never
	}
	content, err := s.tls.load(ctx, files)
	return func() { s.tls.replace(files, content) }, err
}

func prepareWeb(ctx context.Context, s *service, c *cli.Context) (func(), error) {
	if s.web == nil || s.web.encrypted != (c.String(webCert) != "") {
		return nil, errRestart
	}
	files := webFilesOf(c)
	content, err := s.web.load(ctx, files)
	return func() { s.web.replace(files, content) }, err
}

func prepareTokens(ctx context.Context, s *service, c *cli.Context) (func(), error) {
	if s.tokens == nil {
		return nil, errRestart
	}
	next := &tokenKeeper{file: c.String(leshanTokenFile), log: s.log}
	kept, err := next.read(ctx)
	return func() { s.tokens.replace(next.file, kept) }, err
}

// watchReloads reloads at each SIGHUP, until ctx ends.
func (s *service) watchReloads(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.asked:
			s.notify(systemd.Reloading())
			s.reload(ctx)
			s.tls.renew(ctx, true)
			if s.web != nil {
				s.web.renew(ctx, true)
			}
			s.notify(systemd.Ready)
		}
	}
}

func (s *service) notify(message string) {
	if err := systemd.Notify(message); err != nil {
		s.log.Warn("the service manager does not listen", "error", err)
	}
}

// reload reads the configuration file again, where there is one, and takes into use what can be. With a mistake in it
// everything stays as it is.
func (s *service) reload(ctx context.Context) {
	if s.settings.File == nil {
		return
	}
	now, err := s.readAgain(ctx)
	var commits []func()
	done := make(map[string]bool)
	for _, part := range live {
		if err != nil {
			break
		}
		if !s.changed(now, part.keys) {
			continue
		}
		commit, wrong := part.prepare(ctx, s, now.Context)
		if errors.Is(wrong, errRestart) {
			continue
		}
		err = now.Explain(wrong)
		commits = append(commits, commit)
		for _, key := range part.keys {
			done[key] = true
		}
	}
	if err != nil {
		s.refuse(err)
		return
	}
	for _, commit := range commits {
		commit()
	}
	s.tellChanges(ctx, now, done)
}

// readAgain returns the settings that are in the file now.
func (s *service) readAgain(ctx context.Context) (*settings.Set, error) {
	file, err := settings.ReadAgain(ctx, s.settings.File.Name, s.settings.Keys)
	if err != nil {
		return nil, err
	}
	now, err := s.settings.With(file)
	if err != nil {
		return nil, err
	}
	return now, now.Explain(check(now.Context))
}

// changed reports whether one of the settings differs from what is in use.
func (s *service) changed(now *settings.Set, keys []string) bool {
	for _, k := range now.Keys {
		for _, name := range keys {
			if k.Name == name && now.Text(k) != s.reloader.inUse[name] {
				return true
			}
		}
	}
	return false
}

// refuse logs each mistake of a file that is not taken into use.
func (s *service) refuse(err error) {
	for _, e := range settings.Each(err) {
		if p := new(yamltree.Problem); errors.As(e, &p) {
			s.log.Error("the configuration file has a mistake; all settings stay as they are", "file", p.File, "line", p.Line, "problem", p.Message)
			continue
		}
		s.log.Error("the configuration file is not used; all settings stay as they are", "file", s.settings.File.Name, "error", e)
	}
}

// tellChanges logs every setting that has changed, whatever --log says. Those that are done are in use from now on; the
// others need a restart.
func (s *service) tellChanges(ctx context.Context, now *settings.Set, done map[string]bool) {
	changes := 0
	for _, k := range now.Keys {
		from, to := s.reloader.inUse[k.Name], now.Text(k)
		if from == to {
			continue
		}
		changes++
		shown := func(text string) string { return settings.WithoutPassword(k.DefaultShown(text)) }
		givenBy := now.Origin(k.Name).String()
		if !done[k.Name] {
			s.log.Log(ctx, max(slog.LevelWarn, s.level.Level()), "a setting has changed in the configuration file and needs a restart", "key", k.Name, "in_use", shown(from), "changed_to", shown(to), "given_by", givenBy)
			continue
		}
		s.reloader.inUse[k.Name] = to
		s.log.Log(ctx, max(slog.LevelInfo, s.level.Level()), "setting changed", "key", k.Name, "from", shown(from), "to", shown(to), "given_by", givenBy)
	}
	if changes == 0 {
		s.log.Info("configuration file read again: nothing has changed", "file", now.File.Name)
	}
}

// running runs f in a goroutine. Wait returns when f has.
func running(f func()) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return func() { <-done }
}

// drainTime is how long running sessions may go on after a signal.
func (s *service) drainTime() time.Duration { return time.Duration(s.reloader.drain.Load()) }
