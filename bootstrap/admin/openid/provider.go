package openid

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Times and sizes of requests to the issuer.
const (
	answerTime   = 10 * time.Second // for one answer
	maxAnswer    = 1 << 20          // bytes of one
	retrySoonest = 5 * time.Second  // after a discovery that did not succeed
	retryLatest  = time.Minute
	renewEvery   = time.Hour // after one that did
)

// A Provider logs people in at one issuer. Its methods may be called concurrently.
type Provider struct {
	Config
	client  *http.Client
	flows   *flows
	turn    chan struct{} // who is discovering; of one place
	working chan struct{} // a value for each log-in that is being finished
	stop    context.CancelFunc
	ended   sync.WaitGroup

	mu      sync.Mutex
	issuer  *issuer   // what was discovered last; nil for nothing yet; guarded by mu
	problem error     // of the last discovery; guarded by mu
	since   time.Time // when discoveries began to fail; guarded by mu
	tried   time.Time // when the last discovery ended; guarded by mu
}

// An issuer is what was discovered of it.
type issuer struct {
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	style    oauth2.AuthStyle
	end      string // end_session_endpoint; empty for none
	namesIss bool   // whether it names itself in each answer, RFC 9207
}

// New returns a Provider, which discovers its issuer in the background until Close, as often as it takes. The error
// wraps store.ErrInvalid.
func New(c Config) (*Provider, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	if c.Transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = &tls.Config{RootCAs: c.CAs, MinVersion: tls.VersionTLS12}
		c.Transport = own
	}
	p := &Provider{
		Config: c, flows: newFlows(), turn: make(chan struct{}, 1), working: make(chan struct{}, maxWorking),
		client: &http.Client{Transport: bounded{c.Transport}, Timeout: answerTime, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // no other host gets the secret
		}},
	}
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	p.ended.Go(func() { p.keep(ctx) })
	return p, nil
}

// Close ends what is done in the background.
func (p *Provider) Close() {
	p.stop()
	p.ended.Wait()
	p.client.CloseIdleConnections()
}

// keep discovers the issuer until that succeeds, and from then on once an hour.
func (p *Provider) keep(ctx context.Context) {
	wait := retrySoonest
	for {
		_, err := p.discover(ctx, 0)
		pause := renewEvery
		if err != nil {
			pause, wait = wait, min(2*wait, retryLatest)
		} else {
			wait = retrySoonest
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// Status returns what is known of the issuer: its name, what is wrong with it, in a few words, empty for nothing, and
// since when.
func (p *Provider) Status() (name, problem string, since time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Name, problemText(p.problem), p.since
}

// ready returns the issuer, and discovers it where that has not succeeded yet and was not tried just now.
func (p *Provider) ready(ctx context.Context) (*issuer, error) {
	p.mu.Lock()
	is := p.issuer
	p.mu.Unlock()
	if is != nil {
		return is, nil
	}
	return p.discover(ctx, retrySoonest)
}

// discover asks the issuer what it is, unless that was done within the last age.
func (p *Provider) discover(ctx context.Context, age time.Duration) (*issuer, error) {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	if !p.tried.IsZero() && time.Since(p.tried) < age {
		defer p.mu.Unlock()
		return p.issuer, p.problem
	}
	p.mu.Unlock()
	found, err := p.ask(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err() // who asked has gone: that tells nothing of the issuer
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tried = time.Now()
	switch {
	case err == nil:
		if p.problem != nil {
			p.Logger.Info("the OIDC issuer can be used again", "issuer", p.Config.Issuer)
		}
		p.issuer, p.problem, p.since = found, nil, time.Time{}
		return found, nil
	case p.problem == nil:
		p.since = p.tried
		fallthrough
	case problemText(p.problem) != problemText(err):
		p.Logger.Warn("the OIDC issuer cannot be used", "issuer", p.Config.Issuer, "error", shortened(err))
	}
	p.problem = err
	return p.issuer, err
}

// ask sends the request of a discovery, and checks what comes back.
func (p *Provider) ask(ctx context.Context) (*issuer, error) {
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.Config.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		JWKS     string   `json:"jwks_uri"`
		End      string   `json:"end_session_endpoint"`
		Methods  []string `json:"token_endpoint_auth_methods_supported"`
		NamesIss bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := found.Claims(&more); err != nil {
		return nil, fmt.Errorf("%w: %w", errDocument, err)
	}
	for name, text := range map[string]string{"authorization_endpoint": found.Endpoint().AuthURL, "token_endpoint": found.Endpoint().TokenURL, "jwks_uri": more.JWKS, "end_session_endpoint": more.End} {
		if name == "end_session_endpoint" && text == "" {
			continue
		}
		if err := checkEndpoint(text); err != nil {
			return nil, fmt.Errorf("%w: %s: %w", errDocument, name, err)
		}
	}
	is := &issuer{provider: found, style: oauth2.AuthStyleInHeader, end: more.End, namesIss: more.NamesIss}
	if p.ClientSecret.Len() == 0 || len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		is.style = oauth2.AuthStyleInParams
	}
	is.verifier = found.VerifierContext(oidc.ClientContext(context.Background(), p.client), &oidc.Config{ClientID: p.ClientID, Now: func() time.Time {
		return time.Now().Add(-leeway)
	}})
	return is, nil
}

// checkEndpoint is checkURL for an endpoint, which may have a query.
func checkEndpoint(text string) error {
	u, err := url.Parse(text)
	if err == nil {
		u.RawQuery = ""
		text = u.String()
	}
	return checkURL(text)
}

// errDocument: what the issuer says of itself cannot be used.
var errDocument = errors.New("its discovery document cannot be used")

// problemText says in a few words, which everyone may see, what is wrong with the issuer.
func problemText(err error) string {
	mismatch := new(oidc.IssuerMismatchError)
	unknown, invalid, host, verification := new(x509.UnknownAuthorityError), new(x509.CertificateInvalidError), new(x509.HostnameError), new(tls.CertificateVerificationError)
	link := new(url.Error)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &mismatch):
		return "it says that it is another issuer"
	case errors.As(err, unknown), errors.As(err, invalid), errors.As(err, host), errors.As(err, &verification):
		return "its certificate is not trusted"
	case errors.As(err, &link), errors.Is(err, context.DeadlineExceeded):
		return "it does not answer"
	case errors.Is(err, errDocument):
		return errDocument.Error()
	}
	return "it does not answer as an issuer does"
}

// shortened is the text of an error, of which an answer of any size may be a part.
func shortened(err error) string { return fmt.Sprintf("%.300q", err.Error()) }

// bounded reads at most maxAnswer bytes of an answer.
type bounded struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// CloseIdleConnections is for [http.Client].
func (b bounded) CloseIdleConnections() {
	if c, is := b.RoundTripper.(interface{ CloseIdleConnections() }); is {
		c.CloseIdleConnections()
	}
}
