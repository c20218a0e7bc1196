package auth

import (
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A NameRule says where in a certificate the name of a client stands.
type NameRule struct {
	text    string
	source  func(*x509.Certificate) []string
	subject bool           // it is a part of the subject
	pattern *regexp.Regexp // with a group "name"; nil where the whole text is the name
}

// nameGroup is the group of a pattern that is the name.
const nameGroup = "name"

// nameSources are the parts of a certificate that may hold the name. The serial number of
// the subject is where IEEE 802.1AR has that of a device.
var nameSources = map[string]func(*x509.Certificate) []string{
	"cn":            func(c *x509.Certificate) []string { return []string{c.Subject.CommonName} },
	"serial-number": func(c *x509.Certificate) []string { return []string{c.Subject.SerialNumber} },
	"san-dns":       func(c *x509.Certificate) []string { return c.DNSNames },
	"san-uri": func(c *x509.Certificate) (uris []string) {
		for _, u := range c.URIs {
			uris = append(uris, u.String())
		}
		return uris
	},
}

// ofSubject are those of nameSources that no name constraint of a CA binds.
func ofSubject(place string) bool { return place == "cn" || place == "serial-number" }

// defaultNameRules are the DNS names and the URIs, then the Common Name, where the
// specification expects the endpoint name (Transport 1.1.1, "X.509 Certificates").
func defaultNameRules() (rules []NameRule) {
	for _, place := range []string{"san-dns", "san-uri", "cn"} {
		rules = append(rules, NameRule{text: place, source: nameSources[place], subject: ofSubject(place)})
	}
	return rules
}

// ParseNameRule reads cn, san-dns, san-uri or serial-number, each alone or with a regular
// expression that the whole text must match and that has a group "name":
// "cn=device (?P<name>[0-9]+)".
func ParseNameRule(s string) (NameRule, error) {
	name, pattern, restricted := strings.Cut(s, "=")
	r := NameRule{text: s, source: nameSources[name], subject: ofSubject(name)}
	if r.source == nil {
		return r, fmt.Errorf("name rule %q: %q is not cn, san-dns, san-uri or serial-number", s, name)
	}
	if !restricted {
		return r, nil
	}
	var err error
	if r.pattern, err = regexp.Compile("^(?:" + pattern + ")$"); err != nil {
		return r, fmt.Errorf("name rule %q: %w", s, err)
	}
	if r.pattern.SubexpIndex(nameGroup) < 0 {
		return r, fmt.Errorf("name rule %q: %w", s, errNoNameGroup)
	}
	return r, nil
}

// ParseNameRules reads rules with commas between them. A comma in a pattern is taken for
// one of the pattern, unless the name of a place follows.
func ParseNameRules(s string) (rules []NameRule, err error) {
	var texts []string
	for _, piece := range strings.Split(s, ",") {
		name, _, _ := strings.Cut(piece, "=")
		if nameSources[name] == nil && len(texts) > 0 && strings.Contains(texts[len(texts)-1], "=") {
			texts[len(texts)-1] += "," + piece
			continue
		}
		texts = append(texts, piece)
	}
	for _, text := range texts {
		r, err := ParseNameRule(text)
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

var errNoNameGroup = errors.New("the pattern has no group (?P<name>...)")

// String is the rule as [ParseNameRule] reads it.
func (r NameRule) String() string { return r.text }

// whole is the text that the rule looks for a name in, of one about the subject.
func (r NameRule) whole(c *x509.Certificate) string { return r.source(c)[0] }

// names are the names that the rule finds in a certificate.
func (r NameRule) names(c *x509.Certificate) []string {
	found := r.source(c)
	if r.pattern == nil {
		return found
	}
	var out []string
	for _, text := range found {
		if m := r.pattern.FindStringSubmatch(text); m != nil {
			out = append(out, m[r.pattern.SubexpIndex(nameGroup)])
		}
	}
	return out
}
