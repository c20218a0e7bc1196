package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin/audit"
	"lwbs/bootstrap/admin/leshan"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/input"
)

// The options of Leshan's API.
const (
	leshanAddress   = "leshan-api"
	leshanTokenFile = "leshan-api-token-file"
	leshanTLS       = "leshan-api-tls"
	leshanClear     = "leshan-api-unencrypted"
	leshanNoSec     = "leshan-api-no-sec"
)

func leshanFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: leshanAddress, Usage: "serve the REST API of the Bootstrap-Server demo of Eclipse Leshan at `ADDRESS`, such as :8081, on loopback unless it names another interface (default: off)"},
		&cli.StringFlag{Name: leshanTokenFile, Usage: "who may use that API: a token in each line of `FILE`, behind its role: read (keys are left empty), write (the default) or reveal (keys are shown, too)"},
		&cli.BoolFlag{Name: leshanTLS, Usage: "serve that API over TLS, with the certificates of --tls-cert"},
		&cli.BoolFlag{Name: leshanClear, Usage: "permit it without TLS beyond loopback, where tokens and keys can be read on the way"},
		&cli.BoolFlag{Name: leshanNoSec, Usage: "permit devices that this API gives no credential to bootstrap over plain CoAP, as Leshan's demo does: nothing proves who they are, and their keys are sent in clear"},
	}
}

// checkLeshan checks the options before anything is opened.
func checkLeshan(c *cli.Context) error {
	addr := c.String(leshanAddress)
	if addr == "" {
		var errs []error
		for _, option := range []string{leshanTokenFile, leshanTLS, leshanClear, leshanNoSec} {
			if c.IsSet(option) {
				errs = append(errs, command.Usagef("--%s is for --%s, which is not there", option, leshanAddress))
			}
		}
		return errors.Join(errs...)
	}
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, command.Usagef(format, args...)) }
	host, _, err := net.SplitHostPort(addr)
	switch {
	case err != nil:
		wrong("--%s %q is not an address such as :8081 or 192.0.2.1:8081", leshanAddress, addr)
	case !isLoopback(host) && !c.Bool(leshanTLS) && !c.Bool(leshanClear):
		wrong("--%s %s is not on loopback: tokens and keys could be read on the way: add --%s, or permit it with --%s", leshanAddress, addr, leshanTLS, leshanClear)
	}
	if c.String(leshanTokenFile) == "" {
		wrong("--%s needs --%s FILE: a token of at least %d characters, such as from openssl rand -hex 16", leshanAddress, leshanTokenFile, leshan.MinToken)
	}
	if c.Bool(leshanTLS) && len(c.StringSlice("tls-cert")) == 0 {
		wrong("--%s needs --tls-cert and --tls-key", leshanTLS)
	}
	return errors.Join(errs...)
}

// isLoopback reports whether a host of an address can be reached from this machine only. No host stands for
// 127.0.0.1 here.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || host == "localhost" || ip != nil && ip.IsLoopback()
}

// listenLeshan listens at the address of --leshan-api; nil where there is none.
func listenLeshan(c *cli.Context, keeper *tlsKeeper) (net.Listener, error) {
	addr := c.String(leshanAddress)
	if addr == "" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, listenError(leshanAddress, addr, err)
	}
	l = &yieldingListener{Listener: l, limit: maxMonitors}
	if !c.Bool(leshanTLS) {
		return l, nil
	}
	return encrypted{tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		all := keeper.certificates()
		for i := range all {
			if hello.SupportsCertificate(&all[i]) == nil {
				return &all[i], nil
			}
		}
		return &all[0], nil
	}})}, nil
}

// An encrypted listener has connections of TLS.
type encrypted struct{ net.Listener }

// leshanWhat tells that the API is served at the address of l.
func leshanWhat(l net.Listener) string {
	if _, is := l.(encrypted); is {
		return "API of Leshan at https://%s/api"
	}
	return "API of Leshan at http://%s/api"
}

// leshanAPI is the handler of --leshan-api.
func (s *service) leshanAPI(api *audit.API) http.Handler {
	return leshan.New(leshan.Config{API: api, Reveal: api.Reveal, Records: s.db, Objects: s.objects, Log: s.log, Tokens: s.tokens.tokens, NoSec: s.leshanNoSec})
}

// maxTokenFile is the largest token file, in bytes.
const maxTokenFile = 64 << 10

// A tokenKeeper has the tokens of a file, and reads it again when it has changed.
type tokenKeeper struct {
	log *slog.Logger

	mu     sync.Mutex
	file   string        // guarded by mu
	seen   stamp         // of the file when it was read last, good or not; guarded by mu
	looked time.Time     // when its stamp was looked at; guarded by mu
	kept   leshan.Tokens // guarded by mu
}

// leshanTokens reads the file of --leshan-api-token-file; nil without --leshan-api.
func leshanTokens(c *cli.Context, log *slog.Logger) (*tokenKeeper, error) {
	if c.String(leshanAddress) == "" {
		return nil, nil
	}
	k := &tokenKeeper{file: c.String(leshanTokenFile), log: log, looked: time.Now()}
	k.seen = k.stamp()
	var err error
	k.kept, err = k.read(c.Context)
	return k, err
}

func (k *tokenKeeper) read(ctx context.Context) (leshan.Tokens, error) {
	text, err := input.ReadFile(ctx, "token file", k.file, maxTokenFile)
	if err != nil {
		return leshan.Tokens{}, err
	}
	t, err := leshan.ParseTokens(text)
	if err != nil {
		return t, fmt.Errorf("token file %s: %w", k.file, err)
	}
	if info, err := os.Stat(k.file); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		k.log.Warn("other users can read the token file: chmod 600 it", "file", k.file)
	}
	return t, nil
}

func (k *tokenKeeper) stamp() stamp {
	info, err := os.Stat(k.file)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// replace takes another file into use, with its tokens.
func (k *tokenKeeper) replace(file string, kept leshan.Tokens) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.file, k.kept = file, kept
	k.seen = k.stamp()
}

// tokens are those of the file as it was some seconds ago or later. Where it does not load, the former ones stay in use.
func (k *tokenKeeper) tokens() leshan.Tokens {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < lookEvery {
		return k.kept
	}
	k.looked = time.Now()
	now := k.stamp()
	if now == k.seen {
		return k.kept
	}
	k.seen = now
	t, err := k.read(context.Background())
	if err != nil {
		k.log.Error("the token file does not load; the former tokens stay in use", "error", err)
		return k.kept
	}
	k.kept = t
	k.log.Info("token file loaded", "file", k.file)
	return k.kept
}
