package check

import (
	"net"
	"strings"
	"time"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// Limits of the credentials of PSK mode, in bytes (Core 1.1.1 Appendix E.1.1).
const (
	maxPSKIdentity = 128
	maxPSK         = 64
	goodPSK        = 16
)

// maxPeriod is the longest time in a signed 32-bit number of seconds.
const maxPeriod = 1<<31 - 1

// minLifetime is the shortest plausible life time of a registration.
const minLifetime = 60 * time.Second

// security checks one Security Instance, without regard to others.
func (c *checker) security(s lwm2m.SecurityInstance) {
	p := lwm2m.InstancePath(lwm2m.ObjectSecurity, s.ID)
	c.uri(p.Append(0), s)
	if !s.BootstrapServer && !s.ShortServerID.Valid() {
		c.fail(p.Append(10), "ssid", "short server ID %d is not within 1 to 65534", s.ShortServerID)
	}
	c.seconds(p.Append(11), "client hold off time", s.ClientHoldOffTime)
	c.seconds(p.Append(12), "Bootstrap-Server Account timeout", s.BootstrapServerAccountTimeout)
	switch s.Mode {
	case lwm2m.SecurityPSK:
		c.psk(p, s)
	case lwm2m.SecurityRPK:
		c.rawPublicKey(p, s)
	case lwm2m.SecurityCertificate:
		c.certificate(p, s)
	case lwm2m.SecurityNoSec:
		if len(s.PublicKeyOrIdentity) > 0 || len(s.ServerPublicKey) > 0 || s.SecretKey.Len() > 0 {
			c.fail(p.Append(2), "nosec-credentials", "security mode NoSec has no credentials")
		}
	case lwm2m.SecurityEST:
		c.fail(p.Append(2), "est", "security mode EST is not supported")
	default:
		c.fail(p.Append(2), "security-mode", "%v does not exist", s.Mode)
	}
	c.resources(p, lwm2m.ObjectSecurity, s.Extra)
}

func (c *checker) psk(p lwm2m.Path, s lwm2m.SecurityInstance) {
	switch id := s.PublicKeyOrIdentity; {
	case len(id) == 0:
		c.fail(p.Append(3), "psk-identity", "PSK identity is empty")
	case len(id) > maxPSKIdentity:
		c.fail(p.Append(3), "psk-identity", "PSK identity has %d bytes, at most %d are possible", len(id), maxPSKIdentity)
	case !utf8.Valid(id):
		c.warn(p.Append(3), "psk-identity", "PSK identity is not valid UTF-8, which RFC 4279 §5.1 asks for: some clients and servers refuse it")
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

// seconds checks a duration that is written as a whole number of seconds.
func (c *checker) seconds(p lwm2m.Path, what string, d time.Duration) bool {
	if d < 0 || d%time.Second != 0 || d/time.Second > maxPeriod {
		c.fail(p, "seconds", "%s %v is not a whole number of seconds within 0 to %d", what, d, maxPeriod)
		return false
	}
	return true
}

// server checks the Server Instance of an account.
func (c *checker) server(a lwm2m.ServerAccount) {
	s, p := a.Server, lwm2m.InstancePath(lwm2m.ObjectServer, a.Server.ID)
	if !s.ShortServerID.Valid() {
		c.fail(p.Append(0), "ssid", "short server ID %d is not within 1 to 65534", s.ShortServerID)
	}
	switch {
	case !c.seconds(p.Append(1), "lifetime", s.Lifetime):
	case s.Lifetime == 0:
		c.warn(p.Append(1), "lifetime-zero", "lifetime 0, without end, is known to LwM2M 1.2 clients only")
	case s.Lifetime < minLifetime:
		c.warn(p.Append(1), "lifetime-short", "lifetime %v is shorter than %v", s.Lifetime, minLifetime)
	}
	c.binding(p.Append(7), a)
	c.periods(p, s)
	c.resources(p, lwm2m.ObjectServer, s.Extra)
}

// binding checks the letters of Resource 7 (Core 1.1.1 §6.2.1.2; Q is of 1.0 only).
func (c *checker) binding(p lwm2m.Path, a lwm2m.ServerAccount) {
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
	scheme, _, _ := strings.Cut(a.Security.ServerURI, "://")
	if t, ok := transports[strings.ToLower(scheme)]; ok && !strings.Contains(b, t.letter) {
		c.fail(p, "binding-transport", "binding %q has no %s, which %s needs", b, t.letter, scheme)
	}
}

// periods checks that the longest period is not shorter than the shortest.
func (c *checker) periods(p lwm2m.Path, s lwm2m.ServerInstance) {
	in := lwm2m.Instance{Resources: s.Extra}
	shortest, ok1 := in.Resource(2)
	longest, ok2 := in.Resource(3)
	if ok1 && ok2 && longest.Value.Int() < shortest.Value.Int() {
		c.fail(p.Append(3), "periods", "default maximum period %d is shorter than the minimum, %d", longest.Value.Int(), shortest.Value.Int())
	}
}

// resources checks each Resource against its definition: type, multiplicity, range,
// and whether a Bootstrap-Server has reason to write it.
func (c *checker) resources(p lwm2m.Path, o lwm2m.ObjectID, resources []lwm2m.Resource) {
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
		if o == lwm2m.ObjectSecurity && r.ID == 25 {
			for _, in := range r.Instances {
				c.serverURI(at, in.Value.Text())
			}
		}
		if o == lwm2m.ObjectSecurity && r.ID == 14 && (strings.ContainsAny(r.Value.Text(), ":/") || net.ParseIP(r.Value.Text()) != nil) {
			c.fail(at, "sni", "SNI %q is not a host name", r.Value.Text())
		}
	}
}
