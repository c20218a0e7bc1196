package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"lwbs/store"
)

// Limits of a web session.
const (
	DefaultIdle  = time.Hour      // without a request
	DefaultLimit = 12 * time.Hour // from the log-in on
)

// The names of the cookie. The first one browsers take over TLS only, and for this host only.
const (
	secureCookie = "__Host-lwbs"
	plainCookie  = "lwbs"
)

// cookieSecret is the number of random bytes of a cookie.
const cookieSecret = 32

// Login checks the password of a user and begins a web session. Source is the IP address that the try comes from.
// It takes as long for a user that does not exist as for a wrong password, and its error is the same. Errors:
// ErrWrong, ErrTries, ErrBusy.
func (m *Manager) Login(ctx context.Context, source, name, password string) (*http.Cookie, error) {
	u, err := m.Check(ctx, source, name, password)
	if err != nil {
		return nil, err
	}
	role, err := ParseRole(u.Role)
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", u.Name, err)
	}
	p := Principal{Name: u.Name, Role: role, Way: WayPassword, Address: source}
	return m.begin(ctx, p, store.WebSession{}, u.Revision, "")
}

// Renew begins another web session of the user of ctx, who authenticated by a password, in the place of those that
// another password has ended.
func (m *Manager) Renew(ctx context.Context) (*http.Cookie, error) {
	p, _ := From(ctx)
	u, err := m.store.User(ctx, p.Name)
	switch {
	case err != nil:
		return nil, err
	case u.Disabled || p.Way != WayPassword:
		return nil, ErrUnauthenticated
	}
	return m.begin(ctx, p, store.WebSession{}, u.Revision, "after another password")
}

// Begin begins a web session of a principal that authenticated at an issuer of OpenID Connect. It has the role of p
// until it ends. Detail is for the audit.
func (m *Manager) Begin(ctx context.Context, p Principal, detail string) (*http.Cookie, error) {
	return m.begin(ctx, p, store.WebSession{Role: p.Role.String(), Terms: m.terms}, 0, detail)
}

// Try takes a try to log in at an issuer from a source, or returns a [*TriesError]. GiveBack is for one that was right.
func (m *Manager) Try(source string) (giveBack func(), err error) {
	giveBack, wait := m.tries.takeSource(source, time.Now())
	if wait > 0 {
		m.log.Warn("log-in refused: too many tries", "way", WayOIDC, "from", source, "wait", wait)
		return nil, &TriesError{wait}
	}
	return giveBack, nil
}

// begin stores a session of p, whose role and terms are empty where the role of the user counts.
func (m *Manager) begin(ctx context.Context, p Principal, w store.WebSession, rev store.Revision, detail string) (*http.Cookie, error) {
	secret := make([]byte, cookieSecret)
	_, _ = rand.Read(secret) // never fails
	value, now := base64.RawURLEncoding.EncodeToString(secret), time.Now().UTC().Round(0)
	w.Key, w.Name, w.Way, w.Address, w.Created, w.Seen = cookieKey(value), p.Name, p.Way, p.Address, now, now
	err := m.store.PutWebSession(Audited(With(ctx, p), "log-in", "", detail), w, rev)
	switch {
	case errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict): // the user was edited meanwhile
		return nil, ErrWrong
	case err != nil:
		return nil, err
	}
	m.log.Info("log-in", "user", p.Name, "way", p.Way, "role", p.Role.String(), "from", p.Address)
	return m.cookie(value, int(m.limitOf(p.Way).Seconds())), nil
}

// limitOf is after how long a session ends in any case.
func (m *Manager) limitOf(way string) time.Duration {
	if way == WayOIDC {
		return m.oidcLimit
	}
	return m.limit
}

// cookie makes a cookie. SameSite is Lax and not Strict: a link in a ticket, and the way back from an issuer of
// OIDC, lead to a page that knows the user; no GET changes anything, and other methods from other sites are refused.
func (m *Manager) cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{Name: m.cookieName(), Value: value, Path: "/", MaxAge: maxAge, Secure: m.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

func (m *Manager) cookieName() string {
	if m.secure {
		return secureCookie
	}
	return plainCookie
}

// cookieKey is what is stored of a cookie.
func cookieKey(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}

// session returns whose the session of a request is; ErrUnauthenticated where there is none that is valid.
func (m *Manager) session(r *http.Request, source string) (Principal, error) {
	c, err := r.Cookie(m.cookieName())
	if err != nil {
		return Principal{}, ErrUnauthenticated
	}
	w, err := m.store.WebSession(r.Context(), cookieKey(c.Value))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return Principal{}, fmt.Errorf("%w: the session has ended", ErrUnauthenticated)
	case err != nil:
		return Principal{}, err
	}
	now := time.Now()
	switch {
	case w.Way == WayOIDC && (w.Terms == "" || w.Terms != m.terms):
		return Principal{}, fmt.Errorf("%w: what the server is told of the issuer has changed: log in again", ErrUnauthenticated)
	case now.Sub(w.Created) >= m.limitOf(w.Way) || now.Sub(w.Seen) >= m.idle:
		m.later("session "+w.Key, func(ctx context.Context) error { return m.store.DeleteWebSession(ctx, w.Key) })
		return Principal{}, fmt.Errorf("%w: the session has expired", ErrUnauthenticated)
	}
	p := Principal{Name: w.Name, Way: w.Way, Address: source}
	if w.Role != "" {
		p.Role, err = ParseRole(w.Role)
	} else {
		p.Role, err = m.user(r.Context(), w.Name)
	}
	if err != nil {
		return Principal{}, err
	}
	if now.Sub(w.Seen) > touchEvery {
		m.later("session "+w.Key, func(ctx context.Context) error { return m.store.TouchWebSession(ctx, w.Key, now) })
	}
	return p, nil
}

// Logout ends all web sessions of the principal of ctx, and returns the cookie that removes the one of the browser.
func (m *Manager) Logout(ctx context.Context) (*http.Cookie, error) {
	p, ok := From(ctx)
	if !ok {
		return nil, ErrUnauthenticated
	}
	if p.Way != WayPassword && p.Way != WayOIDC {
		return nil, fmt.Errorf("%w: %s has no web session: it authenticates by %s", store.ErrInvalid, p.Name, p.Way)
	}
	n, err := m.store.DeleteWebSessions(Audited(ctx, "log-out", "", ""), p.Name, p.Way)
	if err != nil {
		return nil, err
	}
	m.log.Info("log-out", "user", p.Name, "sessions", n, "from", p.Address)
	return m.cookie("", -1), nil
}
