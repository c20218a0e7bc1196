package probe

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// A Target is the address of a Bootstrap-Server, as a device has it in Resource 0/x/0.
type Target struct {
	Secure     bool // coaps
	Host, Port string

	// Path and Queries are put in front of those of the request, as clients do.
	Path, Queries []string
}

// String is the address as a URI, without path.
func (t Target) String() string {
	scheme := "coap"
	if t.Secure {
		scheme = "coaps"
	}
	return scheme + "://" + net.JoinHostPort(t.Host, t.Port)
}

// ParseTarget reads a URI.
func ParseTarget(text string) (t Target, err error) {
	scheme, _, found := strings.Cut(text, "://")
	switch {
	case !found:
		return t, fmt.Errorf("%q is no URI such as coaps://bs.example.com:5684", text)
	case scheme == "coap+tcp" || scheme == "coaps+tcp":
		return t, fmt.Errorf("%q: CoAP over TCP is not spoken here, only coap and coaps", text)
	case scheme != "coap" && scheme != "coaps":
		return t, fmt.Errorf("%q does not begin with coap:// or coaps://", text)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return t, fmt.Errorf("%q is no URI: %w", text, err.(*url.Error).Err)
	case u.Hostname() == "":
		return t, fmt.Errorf("%q names no host", text)
	case u.User != nil || u.Fragment != "":
		return t, fmt.Errorf("%q: a CoAP URI has no user and no fragment", text)
	}
	t = Target{Secure: scheme == "coaps", Host: u.Hostname(), Port: u.Port()}
	if t.Port == "" {
		t.Port = "5683"
		if t.Secure {
			t.Port = "5684"
		}
	}
	if n, err := strconv.ParseUint(t.Port, 10, 16); err != nil || n == 0 {
		return t, fmt.Errorf("%q: the port is not within 1 to 65535", text)
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part != "" {
			t.Path = append(t.Path, part)
		}
	}
	if n := len(t.Path); n > 0 && t.Path[n-1] == "bs" { // it is appended to each request
		t.Path = t.Path[:n-1]
	}
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		if q, err := url.QueryUnescape(part); err == nil && q != "" {
			t.Queries = append(t.Queries, q)
		}
	}
	return t, nil
}
