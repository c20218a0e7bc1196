package bootstrap

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"lwbs/store"
)

// A Trust says which certificates of clients are believed because of who issued them,
// which are not any more, and where the name of the client stands in them. It does not
// change and may be used concurrently. A nil Trust believes no CA.
type Trust struct {
	roots   *x509.CertPool // nil for none
	revoked map[serial]time.Time
	rules   []NameRule
}

// A serial is what a list of revoked certificates tells one by.
type serial struct {
	issuer string // RawIssuer
	number string
}

func serialOf(issuer []byte, number *big.Int) serial { return serial{string(issuer), number.String()} }

// NewTrust returns a Trust in these CAs, root or not. Each list of revoked certificates
// (RFC 5280 §5) must be signed by one of them. Rules are tried in their order; none
// stands for [DefaultNameRules].
func NewTrust(cas []*x509.Certificate, lists []*x509.RevocationList, rules []NameRule) (*Trust, error) {
	t := &Trust{revoked: make(map[serial]time.Time), rules: rules}
	if len(rules) == 0 {
		t.rules = DefaultNameRules()
	}
	if len(cas) > 0 {
		t.roots = x509.NewCertPool()
	}
	for _, ca := range cas {
		t.roots.AddCert(ca)
	}
	for _, list := range lists {
		signed := slices.ContainsFunc(cas, func(ca *x509.Certificate) bool {
			return bytes.Equal(ca.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(ca) == nil
		})
		if !signed {
			return nil, fmt.Errorf("list of revoked certificates of %q: none of the CAs has signed it", list.Issuer)
		}
		for _, entry := range list.RevokedCertificateEntries {
			t.revoked[serialOf(list.RawIssuer, entry.SerialNumber)] = entry.RevocationTime
		}
	}
	return t, nil
}

// check returns why a certificate is not good now, whoever issued it.
func (t *Trust) check(leaf *x509.Certificate, now time.Time) *failure {
	if f := checkDates(leaf, now); f != nil {
		return f
	}
	return t.checkRevoked(leaf)
}

// vouch returns why no CA vouches for a chain as a client's, which begins with its own
// certificate.
func (t *Trust) vouch(chain []*x509.Certificate, now time.Time) *failure {
	leaf := chain[0]
	switch {
	case t == nil || t.roots == nil:
		return failed(store.CauseCertificateUnknown, "%s; no CA is trusted here", certificateText(leaf))
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return failed(store.CauseCertificateUsage, "%s: its key usage has no digitalSignature", certificateText(leaf))
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return untrusted(leaf, err, now)
	}
	var revoked *failure
	for _, path := range paths {
		if revoked = t.checkRevoked(path...); revoked == nil {
			return nil
		}
	}
	return revoked
}

// untrusted puts an error of [x509.Certificate.Verify] into our words.
func untrusted(leaf *x509.Certificate, err error, now time.Time) *failure {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.Expired:
			if f := checkDates(invalid.Cert, now); f != nil {
				return f
			}
		case x509.IncompatibleUsage:
			return failed(store.CauseCertificateUsage, "%s: its extended key usage has no clientAuth", certificateText(leaf))
		}
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) && string(leaf.RawIssuer) == string(leaf.RawSubject) {
		return failed(store.CauseCertificateUnknown, "%s, issued by itself", certificateText(leaf))
	}
	return failed(store.CauseCertificateUntrusted, "%s: %s", certificateText(leaf), printable(err.Error(), maxErrorShown))
}

func checkDates(c *x509.Certificate, now time.Time) *failure {
	switch {
	case now.Before(c.NotBefore):
		return failed(store.CauseCertificateEarly, "%s, valid from %s", certificateText(c), c.NotBefore.UTC().Format(time.DateTime+" UTC"))
	case now.After(c.NotAfter):
		return failed(store.CauseCertificateExpired, "%s, valid until %s", certificateText(c), c.NotAfter.UTC().Format(time.DateTime+" UTC"))
	}
	return nil
}

func (t *Trust) checkRevoked(path ...*x509.Certificate) *failure {
	if t == nil {
		return nil
	}
	for _, c := range path {
		if since, revoked := t.revoked[serialOf(c.RawIssuer, c.SerialNumber)]; revoked {
			return failed(store.CauseCertificateRevoked, "%s, revoked on %s", certificateText(c), since.UTC().Format(time.DateTime+" UTC"))
		}
	}
	return nil
}

// maxNames is how many names of one certificate are looked at; no more are needed, and a
// stranger could put in thousands.
const maxNames = 8

// names are the names of the client in its certificate, the first rule's first.
func (t *Trust) names(leaf *x509.Certificate) []string {
	rules := DefaultNameRules()
	if t != nil {
		rules = t.rules
	}
	var out []string
	for _, r := range rules {
		for _, name := range r.names(leaf) {
			if len(out) == maxNames {
				return out
			}
			if name != "" && len(name) <= store.MaxCertificateName && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// certificateText tells people which certificate it is.
func certificateText(c *x509.Certificate) string {
	const limit = 128
	return fmt.Sprintf("certificate of %q from %q", printable(c.Subject.String(), limit), printable(c.Issuer.String(), limit))
}
