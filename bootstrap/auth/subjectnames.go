package auth

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Name constraints of a CA (RFC 5280 §4.2.1.10) bind subject alternative names, but not the Common
// Name: a CA that may issue for one domain only can put any name into the subject. So a name of
// the subject counts only in a certificate without alternative names, and only where the
// constraints of the path would permit the same name as an alternative name.

// whyIgnored says why names of the subject of a certificate do not count; empty where they do.
// Paths are those that a CA vouches for it by; nil where none was looked for.
func (t *Trust) whyIgnored(leaf *x509.Certificate, paths [][]*x509.Certificate, name string) string {
	if hasAlternativeNames(leaf) && slices.ContainsFunc(t.nameRules(), func(r NameRule) bool { return !r.subject }) {
		return "a name of its subject does not count beside its alternative names"
	}
	if paths == nil || slices.ContainsFunc(paths, func(path []*x509.Certificate) bool { return constraintsPermit(path, name) }) {
		return ""
	}
	return "the name constraints of a CA on its way do not permit the name of its subject"
}

// alternativeNames is the extension with these (RFC 5280 §4.2.1.6).
var alternativeNames = asn1.ObjectIdentifier{2, 5, 29, 17}

func hasAlternativeNames(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(alternativeNames) {
			return true
		}
	}
	return len(c.DNSNames)+len(c.URIs)+len(c.EmailAddresses)+len(c.IPAddresses) > 0
}

// constraintsPermit reports whether every CA of a path would permit a name as that of a host, as a
// URI and as a mail address, whichever it is. One whose constraints are about other kinds of
// names permits none.
func constraintsPermit(path []*x509.Certificate, name string) bool {
	for _, ca := range path[1:] {
		if !permits(ca, name) {
			return false
		}
	}
	return true
}

func permits(ca *x509.Certificate, name string) bool {
	host := name
	if u, err := url.Parse(name); err == nil && u.Host != "" {
		host = u.Hostname()
	}
	_, domain, isMail := strings.Cut(name, "@")
	if isMail {
		host = domain
	}
	within := func(domains []string) bool {
		return slices.ContainsFunc(domains, func(d string) bool { return withinDomain(host, d) || d == name })
	}
	if within(ca.ExcludedDNSDomains) || within(ca.ExcludedURIDomains) || within(ca.ExcludedEmailAddresses) {
		return false
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		for _, excluded := range ca.ExcludedIPRanges {
			if excluded.Contains(ip.AsSlice()) {
				return false
			}
		}
	}
	bound := len(ca.PermittedDNSDomains)+len(ca.PermittedURIDomains)+len(ca.PermittedEmailAddresses)+len(ca.PermittedIPRanges) > 0
	switch {
	case !bound:
		return true
	case isMail:
		return within(ca.PermittedEmailAddresses)
	case host != name:
		return within(ca.PermittedURIDomains)
	}
	return within(ca.PermittedDNSDomains)
}

// withinDomain reports whether a host is in a domain of a name constraint. A dot at its
// beginning leaves out the domain itself.
func withinDomain(host, domain string) bool {
	host, domain = strings.ToLower(strings.TrimSuffix(host, ".")), strings.ToLower(domain)
	if below, ok := strings.CutPrefix(domain, "."); ok {
		return strings.HasSuffix(host, "."+below)
	}
	return domain == "" || host == domain || strings.HasSuffix(host, "."+domain)
}

// minRSA is the least length of RSA keys, in bits (NIST SP 800-131A: shorter ones can be
// factored at great expense).
const minRSA = 2048

// WeakKey says which of the certificates has a key that is too short to be taken; empty for none.
func WeakKey(path ...*x509.Certificate) string {
	for _, c := range path {
		if key, ok := c.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < minRSA {
			return fmt.Sprintf("%s has an RSA key of %d bits; at least %d are asked for", certificateText(c), key.N.BitLen(), minRSA)
		}
	}
	return ""
}
