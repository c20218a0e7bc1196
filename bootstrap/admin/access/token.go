package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// TokenPrefix begins each token, so that scanners find those that were published by mistake. The name and the
// secret follow: "lwbs_ci_…".
const TokenPrefix = "lwbs_"

// tokenSecret is the number of random bytes of a token.
const tokenSecret = 32

var tokenText = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewToken returns the text of a new token with a name, and its hash, which is what is stored. No hash that costs
// time is needed, as no one can guess 256 random bits.
func NewToken(name string) (text lwm2m.Secret, hash []byte) {
	secret := make([]byte, tokenSecret)
	_, _ = rand.Read(secret) // never fails
	sum := sha256.Sum256(secret)
	return lwm2m.NewSecret([]byte(TokenPrefix + name + "_" + strings.ToLower(tokenText.EncodeToString(secret)))), sum[:]
}

// parseToken returns the name and the hash of a token.
func parseToken(text string) (name string, hash []byte, ok bool) {
	rest, ok := strings.CutPrefix(text, TokenPrefix)
	at := strings.LastIndexByte(rest, '_')
	if !ok || at < 1 || at > store.MaxUserName {
		return "", nil, false
	}
	secret, err := tokenText.DecodeString(strings.ToUpper(rest[at+1:]))
	if err != nil || len(secret) != tokenSecret {
		return "", nil, false
	}
	sum := sha256.Sum256(secret)
	return rest[:at], sum[:], true
}

// touchEvery is how old the note of the last use of a token or a session may be.
const touchEvery = time.Minute

// token returns whose a token is. Its error wraps ErrUnauthenticated where it is not valid.
func (m *Manager) token(ctx context.Context, text, source string) (Principal, error) {
	name, hash, ok := parseToken(text)
	if !ok {
		return Principal{}, fmt.Errorf("%w: this is no token of lwbs", ErrUnauthenticated)
	}
	t, err := m.store.Token(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Principal{}, err
	}
	if subtle.ConstantTimeCompare(t.Hash, hash) != 1 {
		return Principal{}, fmt.Errorf("%w: the token is wrong, or was revoked", ErrUnauthenticated)
	}
	now := time.Now()
	if !t.Expires.IsZero() && !now.Before(t.Expires) {
		return Principal{}, fmt.Errorf("%w: the token has expired on %s", ErrUnauthenticated, t.Expires.UTC().Format("2006-01-02 15:04 UTC"))
	}
	role, err := ParseRole(t.Role)
	if err != nil {
		return Principal{}, fmt.Errorf("token %q: %w: %w", name, ErrUnauthenticated, err)
	}
	p := Principal{Name: t.Name, Role: role, Way: WayToken, Address: source}
	if t.User != "" {
		own, err := m.user(ctx, t.User)
		if err != nil {
			return Principal{}, err
		}
		p.Name, p.Role, p.Way = t.User, min(role, own), WayToken+" "+t.Name
	}
	if now.Sub(t.LastUsed) > touchEvery || t.LastFrom != source {
		m.later("token "+name, func(ctx context.Context) error { return m.store.TouchToken(ctx, name, now, source) })
	}
	return p, nil
}

// user returns the role of a user who is not disabled. Its error wraps ErrUnauthenticated where there is no such
// user.
func (m *Manager) user(ctx context.Context, name string) (Role, error) {
	u, err := m.store.User(ctx, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return 0, fmt.Errorf("%w: there is no user %q", ErrUnauthenticated, name)
	case err != nil:
		return 0, err
	case u.Disabled:
		return 0, fmt.Errorf("%w: user %q is disabled", ErrUnauthenticated, name)
	}
	role, err := ParseRole(u.Role)
	if err != nil {
		return 0, fmt.Errorf("user %q: %w: %w", name, ErrUnauthenticated, err)
	}
	return role, nil
}
