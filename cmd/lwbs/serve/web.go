package serve

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/openid"
	"lwbs/bootstrap/admin/server"
	adminsite "lwbs/bootstrap/admin/site"
	"lwbs/bootstrap/admin/web"
	"lwbs/bootstrap/panics"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/cmd/lwbs/internal/oidcfile"
	"lwbs/cmd/lwbs/internal/webtables"
)

// The options of the pages and of the API from elsewhere.
const (
	webAddress  = "web"
	webCert     = "web-tls-cert"
	webKey      = "web-tls-key"
	webClientCA = "web-client-ca"
	webProxy    = "web-behind-proxy"
	webOIDC     = "oidc"
)

func webFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: webAddress, Usage: "serve the web pages and the admin API to users and tokens (lwbs user, lwbs token) at `ADDRESS`, such as :8443, on loopback unless it names another interface (default: off)"},
		&cli.StringFlag{Name: webCert, Usage: "serve them over TLS with the certificate in `FILE`, PEM, followed by those up to the CA; needed beyond loopback"},
		&cli.StringFlag{Name: webKey, Usage: "the key of --web-tls-cert, in `FILE`, PEM; other users must not be able to read it"},
		&cli.StringFlag{Name: webClientCA, Usage: "a client certificate that a CA in `FILE`, PEM, issued authenticates the user whose name it has"},
		&cli.BoolFlag{Name: webProxy, Usage: "permit them without TLS beyond loopback, as a proxy with TLS is before them; it appends the address of its client to X-Forwarded-For, which is believed"},
		&cli.StringFlag{Name: webOIDC, Usage: "let people log in to the pages at an issuer of OpenID Connect, with roles from a claim, as `FILE`, YAML or JSON, says (docs/access.md); it is read at the start"},
	}
}

// checkWeb checks the options before anything is opened.
func checkWeb(c *cli.Context) error {
	addr := c.String(webAddress)
	if addr == "" {
		for _, option := range []string{webCert, webKey, webClientCA, webProxy, webOIDC} {
			if c.IsSet(option) {
				return command.Usagef("--%s is for --%s, which is not there", option, webAddress)
			}
		}
		if c.IsSet(webAddress) {
			return command.Usagef("--%s is empty", webAddress)
		}
		return nil
	}
	host, _, err := net.SplitHostPort(addr)
	encrypted := c.String(webCert) != ""
	switch {
	case err != nil:
		return command.Usagef("--%s %q is not an address such as :8443 or 192.0.2.1:8443", webAddress, addr)
	case encrypted != (c.String(webKey) != ""):
		return command.Usagef("--%s and --%s belong together", webCert, webKey)
	case c.IsSet(webOIDC) && c.String(webOIDC) == "":
		return command.Usagef("--%s is empty", webOIDC)
	case c.String(webClientCA) != "" && !encrypted:
		return command.Usagef("--%s needs --%s and --%s: a client certificate comes over TLS", webClientCA, webCert, webKey)
	case !isLoopback(host) && !encrypted && !c.Bool(webProxy):
		return command.Usagef("--%s %s is not on loopback: passwords and keys could be read on the way: add --%s and --%s, or --%s where a proxy with TLS is before it", webAddress, addr, webCert, webKey, webProxy)
	}
	return nil
}

// A webKeeper has the certificates of --web; nil without --web.
type webKeeper struct {
	*tlsKeeper
	addr      string
	encrypted bool
	proxied   bool
	issuer    openid.Config // of --oidc; without an Issuer where there is none

	mu   sync.Mutex
	of   *tlsContent // what config was made of; guarded by mu
	made *tls.Config // guarded by mu
}

// newWebKeeper reads the files of --web; nil without --web.
func newWebKeeper(c *cli.Context, log *slog.Logger, guard *panics.Guard) (*webKeeper, error) {
	addr := c.String(webAddress)
	if addr == "" {
		return nil, nil
	}
	w := &webKeeper{addr: addr, encrypted: c.String(webCert) != "", proxied: c.Bool(webProxy)}
	if file := c.String(webOIDC); file != "" {
		issuer, err := oidcfile.Read(c.Context, file, func(text string) { log.Warn(text) })
		if err != nil {
			return nil, fmt.Errorf("--%s: %w", webOIDC, err)
		}
		issuer.Secure, issuer.Logger = w.encrypted || w.proxied, log
		w.issuer = issuer
	}
	var err error
	w.tlsKeeper, err = newTLSKeeper(c.Context, webFilesOf(c), log, guard)
	return w, err
}

// webFilesOf reads the options for the files of --web.
func webFilesOf(c *cli.Context) (files tlsFiles) {
	if c.String(webCert) != "" {
		files.certificates, files.keys = []string{c.String(webCert)}, []string{c.String(webKey)}
	}
	if ca := c.String(webClientCA); ca != "" {
		files.cas = []string{ca}
	}
	return files
}

// config is that of TLS with the certificates as they are now.
func (w *webKeeper) config(*tls.ClientHelloInfo) (*tls.Config, error) {
	now := w.content.Load()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == now {
		return w.made, nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: now.certificates, NextProtos: []string{"h2", "http/1.1"}}
	if len(now.cas) > 0 {
		cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		for _, ca := range now.cas {
			cfg.ClientCAs.AddCert(ca)
		}
	}
	w.of, w.made = now, cfg
	return cfg, nil
}

// statuses tell when each certificate expires.
func (w *webKeeper) statuses() []admin.CertificateStatus {
	if w == nil {
		return nil
	}
	return w.tlsKeeper.statuses()
}

// listen listens at the address of --web; nil where there is none.
func (w *webKeeper) listen() (net.Listener, error) {
	if w == nil {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(w.addr)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, listenError(webAddress, w.addr, err)
	}
	ofOne := adminsite.MaxConnsOfOne
	if w.proxied {
		ofOne = adminsite.MaxConns
	}
	l = adminsite.Limit(l, adminsite.MaxConns, ofOne)
	if !w.encrypted {
		return l, nil
	}
	return encrypted{tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: w.config})}, nil
}

// watchWeb keeps the certificates of --web up to date until ctx ends. Wait returns when it has stopped.
func (s *service) watchWeb(ctx context.Context) (wait func()) {
	if s.web == nil {
		return func() {}
	}
	return running(func() { s.web.watch(ctx) })
}

// webSite is the handler of --web.
func (s *service) webSite(api admin.API, administration *server.Server) http.Handler {
	users := access.Config{Store: s.db, Passwords: s.passwords, Secure: s.web.encrypted || s.web.proxied, BehindProxy: s.web.proxied, Logger: s.log}
	pages := web.Config{API: api, Log: s.log, Tables: webtables.Tables{}, Document: server.Document(), Objects: s.objects}
	if s.web.issuer.Issuer != "" {
		issuer, err := openid.New(s.web.issuer)
		if err != nil { // it was checked when the file was read
			s.log.Error("no one can log in at the OIDC issuer", "error", err)
		} else {
			s.issuer, pages.OIDC = issuer, issuer
			users.Terms, users.OIDCLimit = issuer.Terms(), issuer.SessionLimit
		}
	}
	s.access = access.New(users)
	s.access.Recall(s.db)
	pages.Access = s.access
	s.pages = web.New(pages)
	return adminsite.New(adminsite.Config{API: administration, Access: s.access, Pages: s.pages})
}

// closeWeb ends what serves --web.
func (s *service) closeWeb() {
	if s.access != nil {
		s.pages.Close()
		s.access.Close()
	}
	if s.issuer != nil {
		s.issuer.Close()
	}
}

// webWhat tells that the pages are served at the address of l.
func webWhat(l net.Listener) string {
	if _, is := l.(encrypted); is {
		return "web pages at https://%s/"
	}
	return "web pages at http://%s/"
}
