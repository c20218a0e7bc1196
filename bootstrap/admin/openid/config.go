// Package openid logs people in at an issuer of OpenID Connect: the authorization code flow with PKCE, a state and a
// nonce that are bound to the browser. What it returns is a principal of package access, whose role comes from a claim.
package openid

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

// The paths that belong to a log-in: where it begins, and where the issuer sends the browser back to.
const (
	BeginPath  = "/login/oidc"
	ReturnPath = "/login/oidc/return"
	leftPath   = "/login" // where the issuer may send the browser after a log-out
)

// A Config says which issuer is trusted, and for what. Zero means the default stated at the field.
type Config struct {
	// Issuer is its URL, as it writes it itself. Required; https, or http on loopback.
	Issuer string

	// ClientID is the name of lwbs at the issuer. Required.
	ClientID string

	// ClientSecret is what lwbs authenticates with at the issuer. Empty: it is a public client, with PKCE only.
	ClientSecret lwm2m.Secret

	// RedirectURL is where the issuer sends browsers back to, with ReturnPath as its path. Default: at the host that
	// the browser asked, over TLS where Secure.
	RedirectURL string

	// Secure is whether browsers come over TLS: cookies are for TLS only then.
	Secure bool

	// Name is how the log-in page calls the issuer. Default: its host.
	Name string

	// Scopes are asked for beside openid. Default: profile and email.
	Scopes []string

	// RoleClaim is the claim of the ID token that has the roles: a text or a list of texts. Dots lead into nested
	// claims, unless a claim has the whole name. Default: groups.
	RoleClaim string

	// Roles are the roles of lwbs by the values of the claim; of several the highest counts. At least one.
	Roles map[string]access.Role

	// NameClaim is the claim that names the user. Default: email where the issuer says that it verified it, else sub.
	NameClaim string

	// Domains and Subjects limit who may log in: a user with a verified e-mail address of one of the domains, or whose
	// sub is one of the subjects. Both empty: everyone who has a role.
	Domains  []string
	Subjects []string

	// SessionLimit is after how long a session ends in any case. Default, and the most: access.DefaultLimit.
	SessionLimit time.Duration

	// CAs issue the certificate of the issuer. Nil: those of the system.
	CAs *x509.CertPool

	// Transport sends requests to the issuer. Nil: one of its own, which trusts CAs.
	Transport http.RoundTripper

	// Logger gets what the issuer does wrong, and why a log-in was refused; never a secret. Default: discard.
	Logger *slog.Logger
}

// withDefaults fills in the defaults and reports every mistake. The error wraps store.ErrInvalid.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("%w: "+format, append([]any{store.ErrInvalid}, args...)...))
	}
	if err := checkURL(c.Issuer); err != nil {
		wrong("issuer: %w", err)
	}
	if c.ClientID == "" {
		wrong("clientID is missing")
	}
	if c.RedirectURL != "" {
		if err := checkURL(c.RedirectURL); err != nil {
			wrong("redirectURL: %w", err)
		} else if u, _ := url.Parse(c.RedirectURL); u.Path != ReturnPath {
			wrong("redirectURL: its path is to be %s", ReturnPath)
		}
	}
	if len(c.Roles) == 0 {
		wrong("roles is empty: no one could log in")
	}
	for value, role := range c.Roles {
		if value == "" || !slices.Contains(access.Roles, role) {
			wrong("roles: %q has no role", value)
		}
	}
	if slices.Contains(c.Domains, "") || slices.Contains(c.Subjects, "") || slices.Contains(c.Scopes, "") {
		wrong("an entry of domains, subjects or scopes is empty")
	}
	if c.SessionLimit < 0 || c.SessionLimit > access.DefaultLimit {
		wrong("sessionLimit is not within 0 to %v", access.DefaultLimit)
	}
	c.fill()
	return c, errors.Join(errs...)
}

// Check reports every mistake of c. The error wraps store.ErrInvalid.
func (c Config) Check() error {
	_, err := c.withDefaults()
	return err
}

// fill fills in the defaults.
func (c *Config) fill() {
	if u, err := url.Parse(c.Issuer); err == nil && c.Name == "" {
		c.Name = u.Host
	}
	if c.Scopes == nil {
		c.Scopes = []string{"profile", "email"}
	}
	if c.RoleClaim == "" {
		c.RoleClaim = "groups"
	}
	if c.SessionLimit == 0 {
		c.SessionLimit = access.DefaultLimit
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.Domains = slices.Clone(c.Domains)
	for i, d := range c.Domains {
		c.Domains[i] = strings.ToLower(strings.TrimPrefix(d, "@"))
	}
}

// checkURL reports why a URL is none that a secret may be sent to: it is over TLS, or on loopback.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return errors.New("the URL is missing")
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.RawQuery != "":
		return fmt.Errorf("%.200q is not a URL such as https://login.example.com", text)
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%.200q is not https, and not on loopback", text)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Terms tells apart configurations under which a session would have another role, or none: a session is valid under
// the terms that it began under.
func (c Config) Terms() string {
	c.fill()
	text, _ := json.Marshal([]any{c.Issuer, c.ClientID, c.RoleClaim, c.Roles, c.NameClaim, c.Domains, c.Subjects}) // texts, lists and a map with sorted keys
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
