package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
)

// A Remote says where a server is that is asked over HTTPS, and as whom.
type Remote struct {
	// URL is https://HOST[:PORT], or http:// on loopback.
	URL string

	// Token authenticates; empty where Certificate does.
	Token lwm2m.Secret

	// Certificate authenticates; nil for none.
	Certificate *tls.Certificate

	// CAs are those that the server's certificate must be issued by; empty for those of the system.
	CAs []*x509.Certificate
}

// ParseURL reads where a server is. Its error says what is wrong, without what could be a password.
func ParseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("want https://HOST:PORT")
	case u.User != nil:
		return nil, errors.New("it has a user in it: tokens are named with --token-file")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("it has more than a host and a port: want https://HOST:PORT")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("over http the token and all keys could be read on the way: want https, or http on loopback")
	}
	u.Path = ""
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// connectTime bounds the first question to a server.
const connectTime = 15 * time.Second

// DialRemote returns a Client of a server that is asked over HTTPS, once that has said who the client is to it. Redirects
// are not followed, so that no other host gets the token.
func DialRemote(ctx context.Context, r Remote) (*Client, error) {
	u, err := ParseURL(r.URL)
	if err != nil {
		return nil, err
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(r.CAs) > 0 {
		cfg.RootCAs = x509.NewCertPool()
		for _, ca := range r.CAs {
			cfg.RootCAs.AddCert(ca)
		}
	}
	if r.Certificate != nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return r.Certificate, nil }
	}
	transport := func(wait time.Duration) http.RoundTripper {
		return &authorized{r.Token, &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: cfg.Clone(), MaxIdleConnsPerHost: idleConns,
			ResponseHeaderTimeout: wait, TLSHandshakeTimeout: connectTime, DialContext: (&net.Dialer{Timeout: connectTime}).DialContext,
		}}
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &Client{
		base: u.String(), remote: true,
		http:    &http.Client{Transport: transport(answerTimeout), CheckRedirect: stay},
		patient: &http.Client{Transport: transport(0), CheckRedirect: stay},
	}
	try, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if _, err := c.Whoami(try); err != nil {
		c.Close()
		return nil, c.whyNot(err)
	}
	return c, nil
}

// whyNot says why a server cannot be asked, and what to do.
func (c *Client) whyNot(err error) error {
	var (
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		plain     tls.RecordHeaderError
		alert     tls.AlertError
	)
	what := ""
	switch {
	case errors.As(err, &authority):
		what = "its certificate is of a CA that is not known here: name that with --ca-file"
	case errors.As(err, &host):
		what = "its certificate is for another host: " + host.Error()
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		what = "its certificate has expired, or the clock is wrong"
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no type for it
		what = "it does not speak TLS there"
	case errors.As(err, &alert):
		what = "it refuses the client certificate, or needs one (--client-cert, --client-key)"
	case errors.Is(err, access.ErrUnauthenticated):
		return fmt.Errorf("server %s: %w: name a token that is valid with --token-file (lwbs token create), or lwbs login", c.base, err)
	case errors.Is(err, wire.ErrNoRoute):
		return fmt.Errorf("server %s: it is older than this lwbs: %w", c.base, err)
	default:
		return fmt.Errorf("server %s: %w", c.base, err)
	}
	return fmt.Errorf("server %s: %s: %w", c.base, what, errConnect)
}

// errConnect is wrapped where no connection came about.
var errConnect = errors.New("there is no connection")

// An authorized transport sends a token with each request.
type authorized struct {
	token lwm2m.Secret
	*http.Transport
}

// RoundTrip implements [http.RoundTripper].
func (a *authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if a.token.Len() > 0 {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+string(a.token.Reveal()))
	}
	return a.Transport.RoundTrip(r)
}
