package handover

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// Limits of what a server can cost.
const (
	maxAnswer   = 64 << 10 // bytes of a body; more is an error
	maxHeaders  = 16 << 10 // bytes of the headers of an answer
	maxReason   = 200      // bytes of a body that an error repeats
	dialTimeout = 4 * time.Second
	idleTimeout = 90 * time.Second
	maxIdle     = 8 // connections
)

// A client sends HTTP requests to one server. It follows no redirection and uses no proxy.
type client struct {
	base    string
	headers map[string]lwm2m.Secret
	secrets []lwm2m.Secret // of the record; no error repeats them
	http    *http.Client
}

func newClient(record store.LwM2MServer) (*client, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(record.CAs) > 0 {
		trust.RootCAs = x509.NewCertPool()
		for _, der := range record.CAs {
			ca, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, refused("a CA certificate of its record cannot be read: %v", err)
			}
			trust.RootCAs.AddCert(ca)
		}
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		if record.AllowLinkLocal {
			return nil
		}
		return permitted(address)
	}}
	secrets := append(slices.Collect(maps.Values(record.Headers)), record.Secret, record.Former)
	base := record.Address
	if record.Kind != store.KindWebhook { // whose address is whole
		base = strings.TrimSuffix(base, "/")
	}
	return &client{
		base:    base,
		headers: record.Headers,
		secrets: secrets,
		http: &http.Client{
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
			Transport: &http.Transport{
				DialContext: dialer.DialContext, TLSClientConfig: trust, TLSHandshakeTimeout: dialTimeout, ForceAttemptHTTP2: true,
				MaxIdleConnsPerHost: maxIdle, IdleConnTimeout: idleTimeout, MaxResponseHeaderBytes: maxHeaders,
			},
		},
	}, nil
}

func (c *client) closeIdle() { c.http.CloseIdleConnections() }

// metadata are addresses of the metadata services of clouds that are not addresses of the link.
var metadata = []netip.Addr{
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("168.63.129.16"),   // Azure
	netip.MustParseAddr("fd00:ec2::254"),   // Amazon
	netip.MustParseAddr("fd00:ec2::23"),    // Amazon, for pods
	netip.MustParseAddr("fd20:ce::254"),    // Google
}

// embedded is the IPv4 address that a translator (RFC 6052) or a 6to4 relay (RFC 3056) sends to for ip.
func embedded(ip netip.Addr) netip.Addr {
	b := ip.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:]))
	case netip.MustParsePrefix("2002::/16").Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return ip
}

// permitted reports why no connection to an address, IP:port, may be made.
func permitted(address string) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return refused("address %s cannot be read", address)
	}
	ip := embedded(to.Addr().WithZone("").Unmap())
	forbidden := ip.IsLinkLocalUnicast() || ip.IsMulticast() || ip.IsUnspecified()
	for _, m := range metadata {
		forbidden = forbidden || ip == m
	}
	if forbidden {
		return refused("its address %s is one of the link or of a metadata service, which its record does not permit", ip)
	}
	return nil
}

// A request is one to a server.
type request struct {
	method string
	path   string // behind the address of the server, with a query
	header map[string]string
	body   any            // a string or []byte, or JSON is made of it; nil for none
	hide   []lwm2m.Secret // what an error must not repeat, beside what the record has
}

// String is how an error tells of r.
func (r request) String() string { return strings.TrimSpace(r.method + " " + withoutQuery(r.path)) }

// words are what a server said, without secrets.
func (c *client) words(r request, said string) string {
	return conceal(said, slices.Concat(r.hide, c.secrets))
}

// do returns the answer to a request with a status below 300, or an [*Error].
func (c *client) do(ctx context.Context, r request) (answer []byte, err error) {
	status, answer, err := c.send(ctx, r)
	switch {
	case err != nil:
		return nil, err
	case status >= 300:
		return nil, c.refusal(r, status, answer)
	}
	return answer, nil
}

// decode is do for an answer that is JSON.
func (c *client) decode(ctx context.Context, r request, into any) error {
	answer, err := c.do(ctx, r)
	if err == nil && json.Unmarshal(answer, into) != nil {
		return refused("%s is answered by something else than the JSON of such a server: check its address", r)
	}
	return err
}

// send returns the status of and the answer to a request. A redirection is an error.
func (c *client) send(ctx context.Context, r request) (status int, answer []byte, err error) {
	request, err := c.request(ctx, r)
	if err != nil {
		return 0, nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, c.unreachable(ctx, r, err)
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return 0, nil, c.unreachable(ctx, r, err)
	case len(answer) > maxAnswer:
		return 0, nil, refused("its answer to %s is longer than %d bytes", r, maxAnswer)
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return 0, nil, refused("%s is redirected to %s, which is not followed: set the address of the server to where it is",
			r, c.words(r, withoutQuery(response.Header.Get("Location"))))
	}
	return response.StatusCode, answer, nil
}

func (c *client) request(ctx context.Context, r request) (*http.Request, error) {
	var body []byte
	contentType := "application/json"
	switch b := r.body.(type) {
	case nil:
		contentType = ""
	case []byte:
		body = b
	case string:
		body = []byte(b)
	default:
		var err error
		if body, err = json.Marshal(b); err != nil {
			return nil, refused("encode: %v", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, bytes.NewReader(body))
	if err != nil {
		return nil, refused("its address cannot be used: %v", err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	request.Header.Set("User-Agent", "lwbs")
	for name, value := range r.header {
		request.Header.Set(name, value)
	}
	for name, value := range c.headers {
		request.Header.Set(name, string(value.Reveal()))
	}
	return request, nil
}

// refusal is the error of an answer of 400 or above.
func (c *client) refusal(r request, status int, answer []byte) *Error {
	reason := strings.TrimSpace(fmt.Sprintf("it answers %s with %d %s", r, status, http.StatusText(status)))
	if text := c.words(r, string(answer)); text != "" {
		reason += ": " + text
	}
	switch status {
	case http.StatusTooManyRequests, http.StatusRequestTimeout:
		return unavailable("%s", reason)
	}
	if status >= 500 {
		return unavailable("%s", reason)
	}
	return refused("%s", reason)
}

// withoutQuery returns a path or URL without its query and fragment, which may have tokens.
func withoutQuery(path string) string {
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	return path
}

// unreachable is the error of a request without an answer.
func (c *client) unreachable(ctx context.Context, r request, err error) error {
	var own *Error
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var sent *url.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &certificate):
		return refused("its certificate is not trusted: %s", outcome.Printable(certificate.Err.Error(), maxReason))
	case errors.Is(err, http.ErrSchemeMismatch) || errors.As(err, &record):
		return refused("it does not speak TLS: check whether its address is http or https")
	case errors.Is(context.Cause(ctx), context.Canceled):
		return context.Cause(ctx)
	case ctx.Err() != nil:
		return unavailable("it did not answer in time")
	case errors.As(err, &sent):
		err = sent.Err // without the URL
	}
	return unavailable("it cannot be reached: %s", c.words(r, err.Error()))
}
