package access

import (
	"context"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"lwbs/store"
)

// Config configures a [Manager]. Zero means the default stated at the field.
type Config struct {
	// Store has the users, tokens and sessions. Required.
	Store store.Access

	// Passwords checks those of users. Default: its own.
	Passwords *Passwords

	// Secure is whether browsers come over TLS: cookies are for TLS only then.
	Secure bool

	// BehindProxy is whether each connection comes from a proxy that appends the address of its peer to the
	// header X-Forwarded-For.
	BehindProxy bool

	// Idle is after how long without a request a web session ends, Limit after how long in any case. Defaults
	// DefaultIdle and DefaultLimit.
	Idle  time.Duration
	Limit time.Duration

	// Terms tell under which configuration of OpenID Connect sessions of WayOIDC are valid; empty for none. OIDCLimit
	// is their Limit; default Limit.
	Terms     string
	OIDCLimit time.Duration

	// Logger gets log-ins, and those that were refused. Default: discard.
	Logger *slog.Logger
}

// A Manager authenticates requests. Its methods may be called concurrently.
type Manager struct {
	store       store.Access
	secure      bool
	behindProxy bool
	idle, limit time.Duration
	terms       string
	oidcLimit   time.Duration
	log         *slog.Logger
	*Passwords

	mu    sync.Mutex
	notes map[string]bool // what is being noted in the background; guarded by mu
	ended sync.WaitGroup
	ctx   context.Context
	stop  context.CancelFunc
}

// New returns a Manager. The caller closes it.
func New(c Config) *Manager {
	m := &Manager{
		store: c.Store, secure: c.Secure, behindProxy: c.BehindProxy, idle: c.Idle, limit: c.Limit, log: c.Logger, terms: c.Terms, oidcLimit: c.OIDCLimit,
		notes: make(map[string]bool),
	}
	if m.idle <= 0 {
		m.idle = DefaultIdle
	}
	if m.limit <= 0 {
		m.limit = DefaultLimit
	}
	if m.oidcLimit <= 0 {
		m.oidcLimit = m.limit
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	if m.Passwords = c.Passwords; m.Passwords == nil {
		m.Passwords = NewPasswords(c.Store, m.log)
	}
	m.ctx, m.stop = context.WithCancel(context.Background())
	return m
}

// Recall is Passwords.Recall in the background.
func (m *Manager) Recall(log store.AuditLog) {
	m.later("recall", func(ctx context.Context) error { return m.Passwords.Recall(ctx, log, time.Now()) })
}

// Close waits for what is being noted.
func (m *Manager) Close() {
	m.mu.Lock()
	m.stop()
	m.mu.Unlock()
	m.ended.Wait()
}

// maxNotes is how many notes of last uses are under way at most: where the disk takes no writes, more are left out.
const maxNotes = 64

// later notes in the background when something was used last: no request waits for that.
func (m *Manager) later(what string, note func(context.Context) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil || m.notes[what] || len(m.notes) >= maxNotes {
		return
	}
	m.notes[what] = true
	m.ended.Go(func() {
		err := note(m.ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		if delete(m.notes, what); err != nil && m.ctx.Err() == nil {
			m.log.Debug("the last use was not noted", "error", err)
		}
	})
}

// Authenticate returns who sends a request: by the header Authorization with a token, a web session, or a client
// certificate that the TLS listener has verified. A token that is not valid is an error, whatever else there is.
// The error wraps ErrUnauthenticated where nothing is valid.
func (m *Manager) Authenticate(r *http.Request) (Principal, error) {
	source := m.Source(r)
	if headers := r.Header.Values("Authorization"); len(headers) > 0 {
		scheme, text, _ := strings.Cut(headers[0], " ")
		if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") {
			return Principal{}, fmt.Errorf("%w: the header Authorization is to be there once, as: Bearer TOKEN", ErrUnauthenticated)
		}
		return m.token(r.Context(), strings.TrimSpace(text), source)
	}
	p, err := m.session(r, source)
	if err != nil && r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return m.certificate(r.Context(), r.TLS.VerifiedChains[0][0], source)
	}
	return p, err
}

// certificate returns the user that a verified client certificate names: by a mail address or DNS name in its
// subjectAltName, or by its common name where it has neither.
func (m *Manager) certificate(ctx context.Context, c *x509.Certificate, source string) (Principal, error) {
	names := append(append([]string(nil), c.EmailAddresses...), c.DNSNames...)
	if len(names) == 0 {
		names = []string{c.Subject.CommonName}
	}
	for _, name := range names {
		name = strings.ToLower(name)
		if (store.User{Name: name, Role: "-"}).Validate() != nil {
			continue
		}
		if role, err := m.user(ctx, name); err == nil {
			return Principal{Name: name, Role: role, Way: WayCertificate, Address: source}, nil
		}
	}
	return Principal{}, fmt.Errorf("%w: the client certificate names no user that is there: %.200q", ErrUnauthenticated, names)
}

// Source is the IP address that a request comes from: behind a proxy the one that the proxy told last, which a
// client cannot choose.
func (m *Manager) Source(r *http.Request) string {
	if m.behindProxy {
		if told := r.Header.Values("X-Forwarded-For"); len(told) > 0 {
			last := told[len(told)-1]
			last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
			if ip, err := netip.ParseAddr(last); err == nil {
				return ip.Unmap().String()
			}
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return "unknown"
	}
	return host
}
