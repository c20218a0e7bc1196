package check

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// transports are the schemes of a server URI, with the letter of the Binding, the default
// port, and whether there is security below CoAP.
var transports = map[string]struct {
	letter string
	port   string
	secure bool
}{
	"coap":      {"U", "5683", false},
	"coaps":     {"U", "5684", true},
	"coap+tcp":  {"T", "5683", false},
	"coaps+tcp": {"T", "5684", true},
}

// maxURI is the longest server URI, in bytes (OMA registry, Object 0, Resource 0).
const maxURI = 255

// uri checks Resource 0 and whether it fits the mode.
func (c *checker) uri(p lwm2m.Path, s lwm2m.SecurityInstance) {
	u, ok := c.serverURI(p, s.ServerURI)
	if !ok {
		return
	}
	switch transport := transports[u.scheme]; {
	case transport.secure && s.Mode == lwm2m.SecurityNoSec:
		c.fail(p, "uri-mode", "%s needs another security mode than NoSec", u.scheme)
	case !transport.secure && s.Mode != lwm2m.SecurityNoSec:
		c.fail(p, "uri-mode", "%s goes with security mode NoSec only, not %v", u.scheme, s.Mode)
	}
}

// A serverURI is a server URI in its parts.
type serverURI struct{ scheme, host, port, rest string }

// serverURI checks text as a server URI (RFC 7252 §6): what no client can use is a violation, what
// many cannot use a warning. ok is false where text is not such a URI.
func (c *checker) serverURI(p lwm2m.Path, text string) (u serverURI, ok bool) {
	switch {
	case len(text) > maxURI:
		c.fail(p, "uri-length", "server URI has %d bytes, at most %d are possible", len(text), maxURI)
		return u, false
	case !utf8.ValidString(text):
		c.fail(p, "uri", "server URI is not valid UTF-8")
		return u, false
	}
	if why := unfitCharacter(text); why != "" {
		c.fail(p, "uri", "server URI %q %s", text, why)
		return u, false
	}
	scheme, rest, found := strings.Cut(text, "://")
	if _, known := transports[strings.ToLower(scheme)]; found && !known {
		c.fail(p, "uri-scheme", "scheme %q is not coap, coaps, coap+tcp or coaps+tcp", scheme)
		return u, false
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, u.rest = rest[:i], rest[i:]
	}
	u.scheme = strings.ToLower(scheme)
	if !found || authority == "" {
		c.fail(p, "uri", "%q is not a server URI such as coaps://lwm2m.example.com:5684", text)
		return u, false
	}
	if scheme != u.scheme {
		c.warn(p, "uri-case", "scheme %q has capitals, which many clients do not know: write %s", scheme, u.scheme)
	}
	if !c.authority(p, &u, authority) {
		return u, false
	}
	c.beyondAuthority(p, u.rest)
	return u, true
}

// unfitCharacter names the first character that a URI cannot have (RFC 3986 §2); empty for none.
func unfitCharacter(text string) string {
	for _, r := range text {
		switch {
		case r > 0x7e:
			return fmt.Sprintf("has the letter %q: write the host name in ASCII, in its form that begins with xn-- (RFC 3492)", r)
		case r <= ' ' || strings.ContainsRune("\"<>\\^`{|}", r):
			return fmt.Sprintf("has the character %q, which no URI has", r)
		}
	}
	if _, err := url.PathUnescape(text); err != nil {
		return "has a % without two hexadecimal digits behind it"
	}
	return ""
}

// authority checks host and port, and puts them into u.
func (c *checker) authority(p lwm2m.Path, u *serverURI, text string) bool {
	if user, _, found := strings.Cut(text, "@"); found {
		c.fail(p, "uri-user", "server URI has the user %q in front of the host: CoAP has none", user)
		return false
	}
	var found bool
	if strings.HasPrefix(text, "[") {
		end := strings.Index(text, "]")
		if end < 0 {
			c.fail(p, "uri-host", "the bracket in front of %q is not closed", text[1:])
			return false
		}
		behind := text[end+1:]
		if u.host, found = text[:end+1], behind != ""; found {
			if u.port, found = strings.CutPrefix(behind, ":"); !found {
				c.fail(p, "uri-host", "%q stands between the address and its port", behind)
				return false
			}
		}
	} else if u.host, u.port, found = strings.Cut(text, ":"); strings.Contains(u.port, ":") {
		c.fail(p, "uri-host", "%q has several colons: write an IPv6 address in brackets, such as [2001:db8::1]:5684", text)
		return false
	}
	return c.port(p, *u, found) && c.host(p, u.host)
}

// port checks the port of a URI that has a colon behind its host if given.
func (c *checker) port(p lwm2m.Path, u serverURI, given bool) bool {
	if !given {
		return true
	}
	n, err := strconv.ParseUint(u.port, 10, 16)
	switch {
	case u.port == "":
		c.fail(p, "uri-port", "there is no port behind the colon: leave both out for %s", transports[u.scheme].port)
	case err != nil || n == 0 || strings.Trim(u.port, "0123456789") != "":
		c.fail(p, "uri-port", "port %q is not within 1 to 65535", u.port)
	case u.port[0] == '0':
		c.warn(p, "uri-port", "port %s begins with a zero", u.port)
		return true
	case u.port == "5683" && transports[u.scheme].secure, u.port == "5684" && !transports[u.scheme].secure:
		c.warn(p, "uri-port", "port %s is not that of %s, which is %s", u.port, u.scheme, transports[u.scheme].port)
		return true
	default:
		return true
	}
	return false
}

// host checks an address, or a name, of a server.
func (c *checker) host(p lwm2m.Path, host string) bool {
	if literal, ok := strings.CutPrefix(host, "["); ok {
		return c.ipv6(p, strings.TrimSuffix(literal, "]"))
	}
	last := strings.TrimSuffix(host, ".")
	last = last[strings.LastIndex(last, ".")+1:]
	switch {
	case host == "":
		c.fail(p, "uri-host", "server URI has no host")
	case strings.Contains(host, "%"):
		c.fail(p, "uri-host", "host %q is percent-encoded, which clients do not decode", host)
	case last != "" && strings.Trim(last, "0123456789") == "", strings.HasPrefix(strings.ToLower(last), "0x"):
		a, err := netip.ParseAddr(host)
		if err != nil {
			c.fail(p, "uri-host", "host %q looks like an IPv4 address and is none: that has four numbers of 0 to 255 without leading zeros", host)
			return false
		}
		return c.address(p, a)
	default:
		return c.hostName(p, host)
	}
	return false
}

// ipv6 checks what stands in the brackets.
func (c *checker) ipv6(p lwm2m.Path, text string) bool {
	a, err := netip.ParseAddr(text)
	switch {
	case strings.Contains(text, "%"):
		c.fail(p, "uri-host", "address [%s] has a zone, which means something on one machine only", text)
	case err != nil || !a.Is6():
		c.fail(p, "uri-host", "[%s] is no IPv6 address", text)
	default:
		return c.address(p, a)
	}
	return false
}

// address checks an IP address.
func (c *checker) address(p lwm2m.Path, a netip.Addr) bool {
	switch b := a.Unmap(); {
	case b.IsUnspecified():
		c.fail(p, "uri-host", "%v is the address of no host", a)
	case b.IsMulticast():
		c.fail(p, "uri-host", "%v is a multicast address: a client registers with one server", a)
	case b == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		c.fail(p, "uri-host", "%v is the broadcast address: a client registers with one server", a)
	case b.IsLinkLocalUnicast():
		c.warn(p, "uri-host", "%v is link-local: a client with several interfaces does not know which one", a)
		return true
	default:
		return true
	}
	return false
}

var hostLabel = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// hostName checks a DNS name (RFC 1123 §2.1).
func (c *checker) hostName(p lwm2m.Path, host string) bool {
	name := strings.TrimSuffix(host, ".")
	if len(name) > 253 {
		c.fail(p, "uri-host", "host name has %d bytes, at most 253 are possible", len(name))
		return false
	}
	for _, label := range strings.Split(name, ".") {
		switch {
		case label == "":
			c.fail(p, "uri-host", "host name %q has nothing between two dots, or in front of one", host)
			return false
		case len(label) > 63:
			c.fail(p, "uri-host", "%q in the host name has %d bytes, at most 63 are possible between dots", label, len(label))
			return false
		case !hostLabel.MatchString(label):
			c.fail(p, "uri-host", "host name %q has more than letters, digits and hyphens", host)
			return false
		}
	}
	if strings.Contains(name, "_") {
		c.warn(p, "uri-host", "host name %q has an underscore, which many resolvers refuse", host)
	}
	if strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-") || strings.Contains(name, ".-") || strings.Contains(name, "-.") {
		c.warn(p, "uri-host", "host name %q has a hyphen beside a dot or at an end, which many resolvers refuse", host)
	}
	if name != host {
		c.warn(p, "uri-host", "host name %q ends with a dot: clients that compare it with a certificate, or send it as SNI, may fail", host)
	}
	return true
}

// beyondAuthority checks what stands behind host and port.
func (c *checker) beyondAuthority(p lwm2m.Path, rest string) {
	rest, fragment, found := strings.Cut(rest, "#")
	if found {
		c.fail(p, "uri-fragment", "server URI has the fragment %q: CoAP has none", "#"+fragment)
		return
	}
	path, query, hasQuery := strings.Cut(rest, "?")
	if path != "" && path != "/" || hasQuery {
		what := "path " + strconv.Quote(path)
		if hasQuery {
			what = "query " + strconv.Quote("?"+query)
		}
		c.warn(p, "uri-path", "server URI has the %s: some clients put it in front of their own, others drop it or fail", what)
	}
}
