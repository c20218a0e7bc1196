package openid

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"lwbs/bootstrap/admin/access"
)

const (
	maxWorking = 16              // log-ins that are being finished at a time
	maxParam   = 4 << 10         // bytes of a parameter that the issuer sends
	maxToken   = 64 << 10        // bytes of an ID token
	leeway     = time.Minute     // by which the clock of the issuer may be behind
	maxAhead   = 5 * time.Minute // by which it may be ahead
)

// A Refusal is why no one is logged in. Its text is for the browser, and tells nothing that only the log should have.
type Refusal struct {
	Text string
	Err  error // for the log
}

// Error returns the text.
func (e *Refusal) Error() string { return e.Text }

// Unwrap returns the reason.
func (e *Refusal) Unwrap() error { return e.Err }

func refusal(err error, format string, args ...any) error {
	return &Refusal{fmt.Sprintf(format, args...), err}
}

// Begin sends a browser to the issuer, and from there to next, a path of this site. Its error is a [*Refusal].
func (p *Provider) Begin(w http.ResponseWriter, r *http.Request, next string) error {
	is, err := p.ready(r.Context())
	if err != nil {
		return refusal(err, "%s cannot be used: %s. It is asked again in a few seconds.", p.Name, problemText(err))
	}
	redirect, err := p.address(r, ReturnPath)
	if err != nil {
		return refusal(err, "%v", err)
	}
	of := newFlow(redirect, next)
	cookie, err := p.flows.cookie(of, p.Secure)
	if errors.Is(err, errLongNext) {
		of.Next = "/"
		cookie, err = p.flows.cookie(of, p.Secure)
	}
	if err != nil {
		return refusal(err, "%v", err)
	}
	http.SetCookie(w, cookie)
	http.Redirect(w, r, p.oauth(is, redirect).AuthCodeURL(of.State, oidc.Nonce(of.Nonce), oauth2.S256ChallengeOption(of.Verifier)), http.StatusSeeOther)
	return nil
}

// address is that of a path of this site, as the browser that sent r knows it.
func (p *Provider) address(r *http.Request, path string) (string, error) {
	if p.RedirectURL != "" {
		return strings.TrimSuffix(p.RedirectURL, ReturnPath) + path, nil
	}
	u := url.URL{Scheme: "http", Host: r.Host, Path: path}
	if p.Secure {
		u.Scheme = "https"
	}
	if parsed, err := url.Parse(u.String()); err != nil || parsed.Host != r.Host || r.Host == "" || parsed.User != nil || parsed.Path != path {
		return "", errors.New("the browser asked for a host that cannot be one")
	}
	return u.String(), nil
}

func (p *Provider) oauth(is *issuer, redirect string) *oauth2.Config {
	endpoint := is.provider.Endpoint()
	endpoint.AuthStyle = is.style
	return &oauth2.Config{
		ClientID: p.ClientID, ClientSecret: string(p.ClientSecret.Reveal()), Endpoint: endpoint, RedirectURL: redirect,
		Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...),
	}
}

// A logIn is what came of a log-in.
type logIn struct {
	who     access.Principal
	subject string // the name of the user at the issuer, which never changes
	next    string // where to go, on this site
}

// Finish reads what the issuer sent a browser back with, from source: who it is, the issuer and the subject for the
// audit, and where to go on this site. Its error is a [*Refusal], which is logged.
func (p *Provider) Finish(w http.ResponseWriter, r *http.Request, source string) (who access.Principal, detail, next string, err error) {
	in, err := p.finish(w, r)
	if refused := new(Refusal); errors.As(err, &refused) {
		p.Logger.Warn("log-in refused", "way", access.WayOIDC, "issuer", p.Config.Issuer, "from", source, "error", shortened(refused.Err))
		return who, "", "", err
	}
	in.who.Address = source
	return in.who, "issuer " + p.Config.Issuer + ", subject " + in.subject, in.next, err
}

func (p *Provider) finish(w http.ResponseWriter, r *http.Request) (in logIn, err error) {
	q := r.URL.Query()
	for name, values := range q {
		if len(values) > 1 || len(values[0]) > maxParam {
			return in, refusal(fmt.Errorf("parameter %.40q is there twice, or too long", name), "%s sent an answer that cannot be read: log in again.", p.Name)
		}
	}
	of, err := p.flows.take(r, p.Secure, q.Get("state"))
	switch {
	case errors.Is(err, access.ErrNoLogIn):
		return in, refusal(err, "This browser has no such log-in under way, or the server was started again meanwhile: log in again, in one window, with cookies permitted.")
	case err != nil:
		return in, refusal(err, "This log-in is over, or took more than %v: log in again.", flowTime)
	}
	http.SetCookie(w, flowCookie("", -1, p.Secure))
	select {
	case p.working <- struct{}{}:
		defer func() { <-p.working }()
	default:
		return in, refusal(access.ErrBusy, "%v", access.ErrBusy)
	}
	is, err := p.ready(r.Context())
	if err != nil {
		return in, refusal(err, "%s cannot be used: %s. Log in again in a minute.", p.Name, problemText(err))
	}
	if err := p.answered(is, q); err != nil {
		return in, err
	}
	claims, err := p.exchange(r.Context(), is, of, q.Get("code"))
	if err != nil {
		return in, err
	}
	in, err = p.permit(claims)
	in.next = of.Next
	return in, err
}

// answered checks what the issuer sent beside the code.
func (p *Provider) answered(is *issuer, q url.Values) error {
	if iss := q.Get("iss"); iss != "" && iss != p.Config.Issuer || iss == "" && is.namesIss {
		return refusal(fmt.Errorf("the answer is of issuer %q", iss), "The answer is not from %s: log in again.", p.Name)
	}
	switch code := q.Get("error"); {
	case code == "access_denied":
		return refusal(fmt.Errorf("%s: %s", code, q.Get("error_description")), "%s did not log you in: it was cancelled, or is not permitted.", p.Name)
	case code != "":
		return refusal(fmt.Errorf("%s: %s", code, q.Get("error_description")), "%s did not log you in; the log of the server has its reason.", p.Name)
	case q.Get("code") == "":
		return refusal(errors.New("the answer has no code"), "%s sent an answer that cannot be read: log in again.", p.Name)
	}
	return nil
}

// exchange returns the claims of the ID token that the issuer gives for a code.
func (p *Provider) exchange(ctx context.Context, is *issuer, of flow, code string) (*claims, error) {
	ctx = oidc.ClientContext(ctx, p.client)
	token, err := p.oauth(is, of.Redirect).Exchange(ctx, code, oauth2.VerifierOption(of.Verifier))
	if err != nil {
		if refused := new(oauth2.RetrieveError); errors.As(err, &refused) && refused.Response != nil {
			return nil, refusal(exchangeError(refused), "%s did not accept the log-in: log in again. If that does not help, the log of the server has its reason.", p.Name)
		}
		return nil, refusal(errors.New(problemText(err)), "%s cannot be asked at the moment: %s. Log in again in a minute.", p.Name, problemText(err))
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" || len(raw) > maxToken {
		return nil, refusal(fmt.Errorf("an ID token of %d bytes", len(raw)), "%s sent no ID token that can be read.", p.Name)
	}
	id, err := is.verifier.Verify(ctx, raw)
	if err == nil {
		err = check(id, of.Nonce, token.AccessToken)
	}
	var c *claims
	if err == nil {
		c, err = claimsOf(id, p.ClientID)
	}
	expired, ahead := new(oidc.TokenExpiredError), new(aheadError)
	switch {
	case errors.As(err, &expired):
		return nil, refusal(err, "%s sent a token that has expired: the clocks of %s and of this server may differ.", p.Name, p.Name)
	case errors.As(err, &ahead):
		return nil, refusal(err, "%s sent a token that is valid later only: the clocks of %s and of this server differ.", p.Name, p.Name)
	case err != nil:
		return nil, refusal(err, "%s sent a token that is not valid here; the log of the server has the reason.", p.Name)
	}
	return c, nil
}

// exchangeError is what the log has of an answer of the token endpoint: never its body.
func exchangeError(e *oauth2.RetrieveError) error {
	return fmt.Errorf("the token endpoint answered %s: %.60q %.160q", e.Response.Status, e.ErrorCode, e.ErrorDescription)
}

// An aheadError is a token of the future.
type aheadError struct{ by time.Duration }

// Error says by how much.
func (e *aheadError) Error() string {
	return fmt.Sprintf("the token was issued in %v from now", e.by.Round(time.Second))
}

// check checks what the library leaves to its caller.
func check(id *oidc.IDToken, nonce, accessToken string) error {
	if !same(id.Nonce, nonce) {
		return errors.New("the nonce is of another log-in")
	}
	if by := time.Until(id.IssuedAt); by > maxAhead {
		return &aheadError{by}
	}
	if id.AccessTokenHash != "" {
		return id.VerifyAccessToken(accessToken)
	}
	return nil
}

func same(a, b string) bool { return a != "" && subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// LogOut returns where a browser that was logged out here logs out of the issuer; empty where the issuer has no such
// place, or is not known yet.
func (p *Provider) LogOut(r *http.Request) string {
	p.mu.Lock()
	is := p.issuer
	p.mu.Unlock()
	if is == nil || is.end == "" {
		return ""
	}
	u, err := url.Parse(is.end)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", p.ClientID)
	if back, err := p.address(r, leftPath); err == nil {
		q.Set("post_logout_redirect_uri", back)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
