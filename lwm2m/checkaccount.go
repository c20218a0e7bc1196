package lwm2m

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of the credentials of PSK mode, in bytes (Core 1.1.1 Appendix E.1.1).
const (
	maxPSKIdentity = 128
	maxPSK         = 64
	goodPSK        = 16
)

// minLifetime is below what a registration is plausibly meant to live.
const minLifetime = 60 * time.Second

// transports are the schemes of a server URI, with the letter of the Binding and
// whether there is security below CoAP.
var transports = map[string]struct {
	letter string
	secure bool
}{
	"coap":      {"U", false},
	"coaps":     {"U", true},
	"coap+tcp":  {"T", false},
	"coaps+tcp": {"T", true},
}

// security checks one Security Instance by itself.
func (c *checker) security(s SecurityInstance) {
	p := InstancePath(ObjectSecurity, s.ID)
	c.uri(p.Append(0), s)
	if !s.BootstrapServer && !s.ShortServerID.Valid() {
		c.fail(p.Append(10), "ssid", "short server ID %d is not within 1 to 65534", s.ShortServerID)
	}
	switch s.Mode {
	case SecurityPSK:
		c.psk(p, s)
	case SecurityRPK:
		c.rawPublicKey(p, s)
	case SecurityCertificate:
		c.certificate(p, s)
	case SecurityNoSec:
		if len(s.PublicKeyOrIdentity) > 0 || len(s.ServerPublicKey) > 0 || s.SecretKey.Len() > 0 {
			c.fail(p.Append(2), "nosec-credentials", "security mode NoSec has no credentials")
		}
	case SecurityEST:
		c.fail(p.Append(2), "est", "security mode EST is not supported")
	default:
		c.fail(p.Append(2), "security-mode", "%v does not exist", s.Mode)
	}
	c.resources(p, ObjectSecurity, s.Extra)
}

// uri checks Resource 0 and whether it fits the mode.
func (c *checker) uri(p Path, s SecurityInstance) {
	if len(s.ServerURI) > 255 {
		c.fail(p, "uri-length", "server URI has %d bytes, at most 255 are possible", len(s.ServerURI))
		return
	}
	u, err := url.Parse(s.ServerURI)
	if err != nil || u.Host == "" || u.Hostname() == "" {
		c.fail(p, "uri", "%q is not a server URI such as coaps://lwm2m.example.com:5684", s.ServerURI)
		return
	}
	transport, known := transports[u.Scheme]
	switch {
	case !known:
		c.fail(p, "uri-scheme", "scheme %q is not coap, coaps, coap+tcp or coaps+tcp", u.Scheme)
	case transport.secure && s.Mode == SecurityNoSec:
		c.fail(p, "uri-mode", "%s needs another security mode than NoSec", u.Scheme)
	case !transport.secure && s.Mode != SecurityNoSec:
		c.fail(p, "uri-mode", "%s goes with security mode NoSec only, not %v", u.Scheme, s.Mode)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			c.fail(p, "uri-port", "port %q is not within 1 to 65535", port)
		}
	}
}

func (c *checker) psk(p Path, s SecurityInstance) {
	switch id := s.PublicKeyOrIdentity; {
	case len(id) == 0:
		c.fail(p.Append(3), "psk-identity", "PSK identity is empty")
	case len(id) > maxPSKIdentity:
		c.fail(p.Append(3), "psk-identity", "PSK identity has %d bytes, at most %d are possible", len(id), maxPSKIdentity)
	case !utf8.Valid(id):
		c.fail(p.Append(3), "psk-identity", "PSK identity is not valid UTF-8")
	}
	switch n := s.SecretKey.Len(); {
	case n == 0:
		c.fail(p.Append(5), "psk-key", "PSK is empty")
	case n > maxPSK:
		c.fail(p.Append(5), "psk-key", "PSK has %d bytes, at most %d are possible", n, maxPSK)
	case n < goodPSK:
		c.warn(p.Append(5), "psk-short", "PSK has %d bytes, fewer than the %d that are recommended", n, goodPSK)
	}
}

// server checks the Server Instance of an account.
func (c *checker) server(a ServerAccount) {
	s, p := a.Server, InstancePath(ObjectServer, a.Server.ID)
	if !s.ShortServerID.Valid() {
		c.fail(p.Append(0), "ssid", "short server ID %d is not within 1 to 65534", s.ShortServerID)
	}
	switch {
	case s.Lifetime < 0 || s.Lifetime%time.Second != 0 || s.Lifetime/time.Second > maxSeconds:
		c.fail(p.Append(1), "lifetime", "lifetime %v is not a whole number of seconds within 0 to %d", s.Lifetime, maxSeconds)
	case s.Lifetime == 0:
		c.warn(p.Append(1), "lifetime-zero", "lifetime 0, without end, is known to LwM2M 1.2 clients only")
	case s.Lifetime < minLifetime:
		c.warn(p.Append(1), "lifetime-short", "lifetime %v is shorter than %v", s.Lifetime, minLifetime)
	}
	c.binding(p.Append(7), a)
	c.periods(p, s)
	c.resources(p, ObjectServer, s.Extra)
}

// binding checks the letters of Resource 7 (Core 1.1.1 §6.2.1.2; Q is of 1.0 only).
func (c *checker) binding(p Path, a ServerAccount) {
	b := a.Server.Binding
	if b == "" {
		c.fail(p, "binding", "binding is empty")
		return
	}
	for i, r := range b {
		if !strings.ContainsRune("UTSNMHQ", r) || strings.IndexRune(b, r) != i {
			c.fail(p, "binding", "binding %q: %q is not a letter of U, T, S, N, M, H and Q, each at most once", b, r)
			return
		}
	}
	u, err := url.Parse(a.Security.ServerURI)
	if err != nil {
		return // complained of elsewhere
	}
	if t, ok := transports[u.Scheme]; ok && !strings.Contains(b, t.letter) {
		c.fail(p, "binding-transport", "binding %q has no %s, which %s needs", b, t.letter, u.Scheme)
	}
}

// periods checks that the longest period is not shorter than the shortest.
func (c *checker) periods(p Path, s ServerInstance) {
	in := Instance{Resources: s.Extra}
	shortest, ok1 := in.Resource(2)
	longest, ok2 := in.Resource(3)
	if ok1 && ok2 && longest.Value.Int() < shortest.Value.Int() {
		c.fail(p.Append(3), "periods", "default maximum period %d is shorter than the minimum, %d", longest.Value.Int(), shortest.Value.Int())
	}
}

// resources checks each Resource against its definition: type, multiplicity, range,
// and whether a Bootstrap-Server has reason to write it.
func (c *checker) resources(p Path, o ObjectID, resources []Resource) {
	def, ok := c.opts.Objects.Object(o)
	if !ok {
		return
	}
	for _, r := range resources {
		at := p.Append(uint16(r.ID))
		d, ok := def.Resource(r.ID)
		if !ok {
			c.warn(at, "resource-unknown", "%s has no Resource %d that is known here", def.Name, r.ID)
			continue
		}
		if err := d.CheckResource(r); err != nil {
			c.fail(at, "resource", "%v", err)
		}
		if o == ObjectSecurity && r.ID == 14 && (strings.ContainsAny(r.Value.Text(), ":/") || net.ParseIP(r.Value.Text()) != nil) {
			c.fail(at, "sni", "SNI %q is not a host name", r.Value.Text())
		}
	}
}
