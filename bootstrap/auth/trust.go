package auth

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// A Trust says which certificates of clients are believed because of who issued them,
// which are not any more, and where the name of the client stands in them. It does not
// change and may be used concurrently. A nil Trust believes no CA. Do not copy it.
type Trust struct {
	roots   *x509.CertPool      // nil for none
	listed  []*x509.Certificate // the CAs that have signed lists of revoked certificates
	revoked map[serial]time.Time
	rules   []NameRule

	vouched vouched
}

// A serial is what a list of revoked certificates tells one by.
type serial struct {
	issuer string // RawSubject of the CA
	key    string // SHA-256 of its RawSubjectPublicKeyInfo: several CAs may have one name
	number string
}

func serialOf(issuer *x509.Certificate, number *big.Int) serial {
	key := sha256.Sum256(issuer.RawSubjectPublicKeyInfo)
	return serial{string(issuer.RawSubject), string(key[:]), number.String()}
}

// NewTrust returns a Trust in these CAs, root or not. Each list of revoked certificates
// (RFC 5280 §5) must be signed by one of them. Rules are tried in their order; none stands for
// san-dns, san-uri and cn.
func NewTrust(cas []*x509.Certificate, lists []*x509.RevocationList, rules []NameRule) (*Trust, error) {
	t := &Trust{revoked: make(map[serial]time.Time), rules: rules}
	if len(rules) == 0 {
		t.rules = defaultNameRules()
	}
	if len(cas) > 0 {
		t.roots = x509.NewCertPool()
	}
	for _, ca := range cas {
		t.roots.AddCert(ca)
	}
	for _, list := range lists {
		i := slices.IndexFunc(cas, func(ca *x509.Certificate) bool {
			return bytes.Equal(ca.RawSubject, list.RawIssuer) && list.CheckSignatureFrom(ca) == nil
		})
		if i < 0 {
			return nil, fmt.Errorf("list of revoked certificates of %q: none of the CAs has signed it", list.Issuer)
		}
		t.listed = append(t.listed, cas[i])
		for _, entry := range list.RevokedCertificateEntries {
			t.revoked[serialOf(cas[i], entry.SerialNumber)] = entry.RevocationTime
		}
	}
	return t, nil
}

// check returns why a certificate that a record names is not good now, whoever issued it.
func (t *Trust) check(leaf *x509.Certificate, now time.Time) *outcome.Failure {
	if f := checkDates(leaf, now); f != nil {
		return f
	}
	if text := WeakKey(leaf); text != "" {
		return outcome.Failed(store.CauseCertificateWeak, "%s", text)
	}
	return t.checkRevoked(leaf)
}

// vouch returns the paths on which a CA vouches for a chain, which begins with the client's own
// certificate, or why there is none. Only a path whose signatures are good is looked up in the lists
// of revoked certificates.
func (t *Trust) vouch(chain []*x509.Certificate, now time.Time) ([][]*x509.Certificate, *outcome.Failure) {
	leaf := chain[0]
	switch old := checkDates(leaf, now); {
	case old != nil: // by its own dates
		return nil, old
	case t == nil || t.roots == nil:
		return nil, outcome.Failed(store.CauseCertificateUnknown, "%s; no CA is trusted here", certificateText(leaf))
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return nil, outcome.Failed(store.CauseCertificateUsage, "%s: its key usage has no digitalSignature", certificateText(leaf))
	}
	key := keyOf(chain)
	if known := t.vouched.get(key, leaf, now); known != nil {
		return known, nil
	}
	good, why := t.verify(chain, now)
	if why == nil {
		t.vouched.add(key, good, now)
	}
	return good, why
}

// verify checks the signatures on the paths to a CA, and what is known of each certificate on them. It returns at least
// one path, or why there is none.
func (t *Trust) verify(chain []*x509.Certificate, now time.Time) ([][]*x509.Certificate, *outcome.Failure) {
	leaf, between := chain[0], x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	paths, err := leaf.Verify(x509.VerifyOptions{
		Roots: t.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, untrusted(leaf, err, now)
	}
	var good [][]*x509.Certificate
	var why *outcome.Failure
	for _, path := range paths {
		f := t.checkRevoked(path...)
		if text := WeakKey(path...); f == nil && text != "" {
			f = outcome.Failed(store.CauseCertificateWeak, "%s", text)
		}
		if f == nil {
			good = append(good, path)
		}
		why = cmp.Or(why, f)
	}
	if len(good) > 0 {
		return good, nil
	}
	return nil, why
}

// untrusted puts an error of [x509.Certificate.Verify] into our words.
func untrusted(leaf *x509.Certificate, err error, now time.Time) *outcome.Failure {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) {
		switch invalid.Reason {
		case x509.Expired:
			if f := checkDates(invalid.Cert, now); f != nil {
				return f
			}
		case x509.IncompatibleUsage:
			return outcome.Failed(store.CauseCertificateUsage, "%s: its extended key usage has no clientAuth", certificateText(leaf))
		}
	}
	var unknown x509.UnknownAuthorityError
	if errors.As(err, &unknown) && string(leaf.RawIssuer) == string(leaf.RawSubject) {
		return outcome.Failed(store.CauseCertificateUnknown, "%s, issued by itself", certificateText(leaf))
	}
	return outcome.Failed(store.CauseCertificateUntrusted, "%s: %s", certificateText(leaf), outcome.Printable(err.Error(), outcome.MaxError))
}

func checkDates(c *x509.Certificate, now time.Time) *outcome.Failure {
	switch {
	case now.Before(c.NotBefore):
		return outcome.Failed(store.CauseCertificateEarly, "%s, valid from %s", certificateText(c), c.NotBefore.UTC().Format(time.DateTime+" UTC"))
	case now.After(c.NotAfter):
		return outcome.Failed(store.CauseCertificateExpired, "%s, valid until %s", certificateText(c), c.NotAfter.UTC().Format(time.DateTime+" UTC"))
	}
	return nil
}

// checkRevoked returns whether a list has one of the certificates, which the CA of that list has
// signed.
func (t *Trust) checkRevoked(path ...*x509.Certificate) *outcome.Failure {
	if t == nil {
		return nil
	}
	for _, c := range path {
		for _, ca := range t.listed {
			r, revoked := t.revoked[serialOf(ca, c.SerialNumber)]
			if revoked && bytes.Equal(ca.RawSubject, c.RawIssuer) && signedBy(c, ca) {
				return outcome.Failed(store.CauseCertificateRevoked, "%s, revoked on %s", certificateText(c), r.UTC().Format(time.DateTime+" UTC"))
			}
		}
	}
	return nil
}

// signedBy reports whether a CA has signed a certificate. A signature with a broken algorithm counts
// here, as it only takes trust away.
func signedBy(c, ca *x509.Certificate) bool {
	err := c.CheckSignatureFrom(ca)
	var insecure x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &insecure)
}

// maxNames is how many names of one certificate are looked at; no more are needed, and a
// certificate may have thousands.
const maxNames = 8

// names are the names of the client in its certificate, the first rule's first, but for those of
// the subject that do not count; see [Trust.whyIgnored].
func (t *Trust) names(leaf *x509.Certificate, paths [][]*x509.Certificate) (out []string) {
	for _, r := range t.nameRules() {
		for _, name := range r.names(leaf) {
			switch {
			case len(out) == maxNames:
				return out
			case name == "" || len(name) > store.MaxCertificateName || slices.Contains(out, name):
			case r.subject && t.whyIgnored(leaf, paths, r.whole(leaf)) != "":
			default:
				out = append(out, name)
			}
		}
	}
	return out
}

func (t *Trust) nameRules() []NameRule {
	if t == nil {
		return defaultNameRules()
	}
	return t.rules
}

// ignoredName says which name of the subject of a certificate does not count, and why; empty
// where there is none.
func (t *Trust) ignoredName(leaf *x509.Certificate, paths [][]*x509.Certificate) string {
	for _, r := range t.nameRules() {
		if !r.subject || len(r.names(leaf)) == 0 || r.names(leaf)[0] == "" {
			continue
		}
		if why := t.whyIgnored(leaf, paths, r.whole(leaf)); why != "" {
			return why
		}
	}
	return ""
}

// certificateText names a certificate by its subject and issuer.
func certificateText(c *x509.Certificate) string {
	const limit = 128
	return fmt.Sprintf("certificate of %q from %q", outcome.Printable(c.Subject.String(), limit), outcome.Printable(c.Issuer.String(), limit))
}
