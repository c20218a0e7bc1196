package auth

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"
)

// certificateWith has a name in every place.
func certificateWith(dns ...string) *x509.Certificate {
	return &x509.Certificate{
		Subject:  pkix.Name{CommonName: "Meter 4711", SerialNumber: "SN-9"},
		DNSNames: dns,
		URIs:     []*url.URL{{Scheme: "urn", Opaque: "dev:os:32473-1"}},
	}
}

func trustWith(t *testing.T, rules ...string) *Trust {
	t.Helper()
	var parsed []NameRule
	for _, text := range rules {
		r, err := ParseNameRule(text)
		if err != nil {
			t.Fatal(err)
		}
		if r.String() != text {
			t.Errorf("%q is shown as %q", text, r)
		}
		parsed = append(parsed, r)
	}
	trust, err := NewTrust(nil, nil, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return trust
}

func TestNameRules(t *testing.T) {
	tests := []struct {
		rules []string
		want  string // names, separated by a comma
	}{
		{nil, "a.example,b.example,urn:dev:os:32473-1"},
		{[]string{"cn", "san-uri"}, "urn:dev:os:32473-1"},
		{[]string{"cn", "serial-number"}, "Meter 4711,SN-9"},
		{[]string{"cn"}, "Meter 4711"},
		{[]string{"serial-number"}, "SN-9"},
		{[]string{"san-uri", "san-dns"}, "urn:dev:os:32473-1,a.example,b.example"},
		{[]string{"cn", "cn=(?P<name>.*)"}, "Meter 4711"}, // once is enough
		{[]string{`cn=Meter (?P<name>\d+)`}, "4711"},
		{[]string{`cn=Meter (?P<name>\d)`}, ""}, // the whole must match
		{[]string{`san-dns=(?P<name>[^.]+)\..*`}, "a,b"},
		{[]string{`san-uri=(?P<name>urn:dev:os:32473-.)`}, "urn:dev:os:32473-1"},
	}
	for _, tt := range tests {
		if got := strings.Join(trustWith(t, tt.rules...).names(certificateWith("a.example", "b.example"), nil), ","); got != tt.want {
			t.Errorf("%q find %q, want %q", tt.rules, got, tt.want)
		}
	}
	for _, text := range []string{"", "ou", "cn=(", "cn=(.*)", "cn=(?P<nom>.*)"} {
		if _, err := ParseNameRule(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestNamesAreBounded(t *testing.T) {
	var many []string
	for i := range 1000 {
		many = append(many, strings.Repeat("x", i))
	}
	names := trustWith(t, "san-dns").names(certificateWith(many...), nil)
	if len(names) != maxNames {
		t.Errorf("%d names were taken", len(names))
	}
	if names := trustWith(t, "san-dns").names(certificateWith(many[256:]...), nil); len(names) != 0 {
		t.Errorf("%d names were taken that no record can have", len(names))
	}
}

func TestParseNameRules(t *testing.T) {
	tests := map[string]int{
		"cn":                                   1,
		"san-uri,cn":                           2,
		`cn=(?P<name>\d{1,9})`:                 1,
		`cn=(?P<name>\d{1,9}),san-dns,san-uri`: 3,
		"":                                     0,
		"cn,":                                  0,
		"cn,ou":                                0,
		"cn=(?P<name>a),(":                     0,
	}
	for text, want := range tests {
		rules, err := ParseNameRules(text)
		if len(rules) != want || (err == nil) != (want > 0) {
			t.Errorf("%q has %d rules, error %v; want %d", text, len(rules), err, want)
		}
	}
}

// A name of the subject counts where the constraints of every CA on the way would permit it as an
// alternative name.
func TestConstraintsOnNamesOfTheSubject(t *testing.T) {
	_, block, err := net.ParseCIDR("192.0.2.0/24")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		ca   x509.Certificate
		name string
		want bool
	}{
		{x509.Certificate{}, "serial-7", true},
		{x509.Certificate{PermittedDNSDomains: []string{"a.example"}}, "a.example", true},
		{x509.Certificate{PermittedDNSDomains: []string{"a.example"}}, "Meter.A.example", true},
		{x509.Certificate{PermittedDNSDomains: []string{"a.example"}}, "b.example", false},
		{x509.Certificate{PermittedDNSDomains: []string{"a.example"}}, "nota.example", false},
		{x509.Certificate{PermittedDNSDomains: []string{"a.example"}}, "serial-7", false},
		{x509.Certificate{PermittedDNSDomains: []string{".a.example"}}, "a.example", false},
		{x509.Certificate{PermittedDNSDomains: []string{".a.example"}}, "x.a.example", true},
		{x509.Certificate{PermittedDNSDomains: []string{"a.example"}}, "urn:dev:os:32473-1", false},
		{x509.Certificate{PermittedDNSDomains: []string{"a.example"}}, "a.example@b.example", false},
		{x509.Certificate{ExcludedDNSDomains: []string{"a.example"}}, "x.a.example", false},
		{x509.Certificate{ExcludedDNSDomains: []string{"a.example"}}, "b.example", true},
		{x509.Certificate{ExcludedDNSDomains: []string{""}}, "b.example", false}, // all
		{x509.Certificate{PermittedURIDomains: []string{"a.example"}}, "serial-7", false},
		{x509.Certificate{PermittedURIDomains: []string{"a.example"}}, "https://a.example/x", true},
		{x509.Certificate{PermittedURIDomains: []string{"a.example"}}, "https://b.example/a.example", false},
		{x509.Certificate{ExcludedURIDomains: []string{"a.example"}}, "https://a.example/x", false},
		{x509.Certificate{PermittedEmailAddresses: []string{"a.example"}}, "meter@a.example", true},
		{x509.Certificate{PermittedEmailAddresses: []string{"a.example"}}, "meter@b.example", false},
		{x509.Certificate{PermittedEmailAddresses: []string{"me@a.example"}}, "me@a.example", true},
		{x509.Certificate{PermittedEmailAddresses: []string{"me@a.example"}}, "you@a.example", false},
		{x509.Certificate{ExcludedIPRanges: []*net.IPNet{block}}, "192.0.2.7", false},
		{x509.Certificate{PermittedIPRanges: []*net.IPNet{block}}, "serial-7", false},
	}
	for _, tt := range tests {
		path := []*x509.Certificate{{}, {}, &tt.ca, {}}
		if got := constraintsPermit(path, tt.name); got != tt.want {
			t.Errorf("%q is permitted: %v, by %+v", tt.name, got, tt.ca)
		}
	}
}
