package bootstrap_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/explain"
	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// A pki has a trusted CA and one below it, and one that is not trusted.
type pki struct {
	root, below, untrusted *certtest.Authority
	revoked                tls.Certificate
	trust                  *auth.Trust
}

func newPKI(t *testing.T, rules ...string) pki {
	t.Helper()
	p := pki{root: certtest.NewAuthority(t, "Root"), untrusted: certtest.NewAuthority(t, "Untrusted")}
	p.below = p.root.Authority(t, "Below")
	p.revoked = p.root.Client(t, "dev")
	var parsed []auth.NameRule
	for _, text := range rules {
		r, err := auth.ParseNameRule(text)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, r)
	}
	var err error
	p.trust, err = auth.NewTrust([]*x509.Certificate{p.root.Certificate},
		[]*x509.RevocationList{certtest.ParseList(t, p.root.Revoke(t, p.revoked))}, parsed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A certificateServer is a Bootstrap-Server that tells of every session that ended.
type certificateServer struct {
	server *bootstrap.Server
	store  store.Store
	ended  chan store.Session
}

func newCertificateServer(t *testing.T, trust *auth.Trust) *certificateServer {
	t.Helper()
	keyring, err := seal.NewKeyring()
	check(t, err)
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{})
	check(t, err)
	t.Cleanup(func() { db.Close() })
	_, err = db.PutProfile(t.Context(), store.Profile{Name: "p", Accounts: []store.Account{{Name: "a", URI: "coaps://a.example", ShortServerID: 101}}})
	check(t, err)
	h := &certificateServer{store: db, ended: make(chan store.Session, 10)}
	h.server, err = bootstrap.NewServer(bootstrap.Config{
		Store: db, Trust: func() *auth.Trust { return trust },
		Observe: func(e bootstrap.Event) {
			if e.Kind == bootstrap.EventEnded {
				h.ended <- e.Session
			}
		},
	})
	check(t, err)
	t.Cleanup(func() { h.server.Close() })
	return h
}

// add adds a device.
func (h *certificateServer) add(t *testing.T, ep lwm2m.EndpointName, credentials ...store.Credential) {
	t.Helper()
	_, err := h.store.PutDevice(t.Context(), store.Device{Endpoint: ep, Profile: "p", Credentials: credentials})
	check(t, err)
}

// A certified is a scripted client with a certificate.
type certified struct {
	*scriptedClient
	chain []*x509.Certificate
}

func (c certified) Peer() auth.Peer {
	return auth.Peer{Remote: "192.0.2.1:5000", Transport: "coaps", Chain: c.chain}
}

// ask lets a client with this certificate ask as ep, none where that is empty, and
// returns the answer and how it went on.
func (h *certificateServer) ask(t *testing.T, ep string, chain []*x509.Certificate) (lwm2m.Code, store.Session) {
	t.Helper()
	r := bootstrap.Request{Method: bootstrap.POST, Path: []string{"bs"}}
	if ep != "" {
		r.Queries = []string{"ep=" + ep}
	}
	resp, after := h.server.ServeRequest(t.Context(), certified{newScriptedClient(nil), chain}, r)
	if after != nil {
		after(t.Context())
	}
	return resp.Code, <-h.ended
}

func notYet(c *x509.Certificate)  { c.NotBefore = time.Now().Add(time.Hour) }
func expired(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }
func forEmail(c *x509.Certificate) {
	c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection}
}
func sealing(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }

func TestVerifyClient(t *testing.T) {
	p := newPKI(t)
	pinned := certtest.SelfSigned(t, "whoever")
	pinnedOld := p.untrusted.Client(t, "whoever", expired)
	h := newCertificateServer(t, p.trust)
	h.add(t, "pinned", store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(pinned.Certificate[0])},
		store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(pinnedOld.Certificate[0])},
		store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(p.revoked.Certificate[0])})

	short := certtest.RSAOf(t, 1024)
	pinnedShort := certtest.SelfSignedWith(t, "whoever", short)
	impostor := certtest.NewAuthority(t, "Root") // which has the name of the CA, and not its key
	number := func(c *x509.Certificate) { c.SerialNumber = p.revoked.Leaf.SerialNumber }
	pinnedImpostor := impostor.Client(t, "whoever", number)
	h.add(t, "pinned-too", store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(pinnedShort.Certificate[0])},
		store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(pinnedImpostor.Certificate[0])})

	withoutBelow := p.below.Client(t, "dev")
	withoutBelow.Certificate = withoutBelow.Certificate[:1]
	tests := []struct {
		name        string
		certificate tls.Certificate
		want        store.Cause // empty where it is good
	}{
		{"none", tls.Certificate{}, store.CauseCertificateMissing},
		{"of the CA", p.root.Client(t, "dev"), ""},
		{"of a CA below", p.below.Client(t, "dev"), ""},
		{"of a CA below that is missing", withoutBelow, store.CauseCertificateUntrusted},
		{"of an untrusted CA", p.untrusted.Client(t, "dev"), store.CauseCertificateUntrusted},
		{"self-signed", certtest.SelfSigned(t, "dev"), store.CauseCertificateUnknown},
		{"expired", p.root.Client(t, "dev", expired), store.CauseCertificateExpired},
		{"not yet valid", p.root.Client(t, "dev", notYet), store.CauseCertificateEarly},
		{"of another purpose", p.root.Client(t, "dev", forEmail), store.CauseCertificateUsage},
		{"of another key usage", p.root.Client(t, "dev", sealing), store.CauseCertificateUsage},
		{"revoked", p.revoked, store.CauseCertificateRevoked},
		{"signed by no CA, with a number that is revoked", impostor.Client(t, "dev", number), store.CauseCertificateUntrusted},
		{"with a number that another CA has revoked", p.below.Client(t, "dev", number), ""},
		{"RSA of 2,048 bits", p.root.ClientWith(t, "dev", certtest.RSA(t)), ""},
		{"RSA of 1,024 bits", p.root.ClientWith(t, "dev", short), store.CauseCertificateWeak},
		{"of a CA below with RSA of 1,024 bits", p.root.AuthorityWith(t, "Short", short).Client(t, "dev"), store.CauseCertificateWeak},
		{"RSA of 1,024 bits, of an untrusted CA", p.untrusted.ClientWith(t, "dev", short), store.CauseCertificateUntrusted},
		{"pinned", pinned, ""},
		{"pinned, RSA of 1,024 bits", pinnedShort, store.CauseCertificateWeak},
		{"pinned, with the number and the issuer of one that is revoked", pinnedImpostor, ""},
		{"pinned and expired", pinnedOld, store.CauseCertificateExpired},
	}
	for _, tt := range tests {
		err := h.server.VerifyClient(certtest.Chain(t, tt.certificate))
		var refused *auth.CertificateError
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.want != "" && (!errors.As(err, &refused) || refused.Cause != tt.want || refused.Detail == ""):
			t.Errorf("%s: %#v, want cause %s", tt.name, err, tt.want)
		}
	}
}

// Without a CA only the certificates that a record names are good.
func TestVerifyClientWithoutTrust(t *testing.T) {
	ca := certtest.NewAuthority(t, "Root")
	mine := ca.Client(t, "dev")
	h := newCertificateServer(t, nil)
	h.add(t, "dev", store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(mine.Certificate[0])},
		store.Credential{Kind: store.CredentialCertificateName, Identity: "dev"})
	if err := h.server.VerifyClient(certtest.Chain(t, mine)); err != nil {
		t.Errorf("the certificate of the record: %v", err)
	}
	var refused *auth.CertificateError
	if err := h.server.VerifyClient(certtest.Chain(t, ca.Client(t, "dev"))); !errors.As(err, &refused) || refused.Cause != store.CauseCertificateUnknown {
		t.Errorf("another certificate for the same name: %v", err)
	}
}

// A client with a certificate is the device that it says only where the record takes that
// certificate, or the name in it.
func TestCertificateBinding(t *testing.T) {
	p := newPKI(t)
	pinned := p.untrusted.Client(t, "pinned")
	uri, err := url.Parse("urn:dev:ops:32473-Refrigerator-5002")
	if err != nil {
		t.Fatal(err)
	}
	h := newCertificateServer(t, p.trust)
	h.add(t, "pinned", store.Credential{Kind: store.CredentialCertificate, Identity: store.Fingerprint(pinned.Certificate[0])})
	h.add(t, "named", store.Credential{Kind: store.CredentialCertificateName, Identity: "serial-7"})
	h.add(t, "urn:dev:ops:32473-Refrigerator-5002", store.Credential{Kind: store.CredentialCertificateName, Identity: uri.String()})
	h.add(t, "psk-only", store.Credential{Kind: store.CredentialPSK, Identity: "psk-only", Key: lwm2m.NewSecret([]byte("key"))})

	withURI := p.root.Client(t, "", func(c *x509.Certificate) { c.URIs = []*url.URL{uri} })
	tests := []struct {
		name        string
		ep          string // empty for none
		certificate tls.Certificate
		want        store.Cause
		endpoint    string // in the record of the session
	}{
		{"pinned", "pinned", pinned, "", "pinned"},
		{"pinned without a name", "", pinned, "", "pinned"},
		{"pinned, of another device", "named", pinned, store.CauseIdentityMismatch, "pinned"},
		{"named", "named", p.root.Client(t, "serial-7"), "", "named"},
		{"named without a name", "", p.below.Client(t, "serial-7"), "", "named"},
		{"by the DNS name", "named", p.root.Client(t, "Thing", func(c *x509.Certificate) { c.DNSNames = []string{"serial-7"} }), "", "named"},
		{"by the URI", uri.String(), withURI, "", uri.String()},
		{"by the URI without a name", "", withURI, "", uri.String()},
		{"named as another device", "pinned", p.root.Client(t, "serial-7"), store.CauseCertificateName, "named"},
		{"named as the endpoint, not as the record says", "named", p.root.Client(t, "named"), store.CauseCertificateName, "named"},
		{"record with a key only", "psk-only", p.root.Client(t, "psk-only"), store.CauseCertificateName, "psk-only"},
		{"record with a key only, without a name", "", p.root.Client(t, "psk-only"), store.CauseEndpointUnknown, ""},
		{"no record", "unknown", p.root.Client(t, "unknown"), store.CauseEndpointUnknown, "unknown"},
		{"not vouched for", "named", p.untrusted.Client(t, "serial-7"), store.CauseIdentityMismatch, "named"},
		{"revoked since the handshake", "named", p.revoked, store.CauseCertificateRevoked, "named"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			code, s := h.ask(t, tt.ep, certtest.Chain(t, tt.certificate))
			if tt.want == "" {
				if code != lwm2m.CodeChanged || s.Cause != store.CauseDone || s.Endpoint != lwm2m.EndpointName(tt.endpoint) {
					t.Errorf("answered %v, session %+v", code, s)
				}
				return
			}
			if code != lwm2m.CodeBadRequest || s.Cause != tt.want || string(s.Endpoint) != tt.endpoint {
				t.Errorf("answered %v, session %+v; want cause %s of %q", code, s, tt.want, tt.endpoint)
			}
			if s.Identity != store.Fingerprint(tt.certificate.Certificate[0]) {
				t.Errorf("identity is %q", s.Identity)
			}
		})
	}
}

// Name constraints bind alternative names; a Common Name counts where there is none of these,
// and where no constraint on its way excludes it.
func TestCommonNameIsBelieved(t *testing.T) {
	p := newPKI(t)
	constrained := p.root.Authority(t, "Constrained", func(c *x509.Certificate) {
		c.PermittedDNSDomains, c.PermittedDNSDomainsCritical = []string{"mine.example"}, true
	})
	dns := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = []string{name} }
	}
	mail := func(c *x509.Certificate) { c.EmailAddresses = []string{"x@y.example"} }
	h := newCertificateServer(t, p.trust)
	for _, name := range []string{"victim", "a.mine.example"} {
		h.add(t, lwm2m.EndpointName(name), store.Credential{Kind: store.CredentialCertificateName, Identity: name})
	}
	tests := []struct {
		name        string
		ep          string
		certificate tls.Certificate
		good        bool
		detail      string
	}{
		{"Common Name alone", "victim", p.root.Client(t, "victim"), true, ""},
		{"Common Name beside another DNS name", "victim", p.root.Client(t, "victim", dns("a.mine.example")), false, "beside its alternative names"},
		{"Common Name beside a mail address", "victim", p.root.Client(t, "victim", mail), false, "beside its alternative names"},
		{"DNS name", "victim", p.root.Client(t, "whoever", dns("victim")), true, ""},
		{"Common Name of a constrained CA", "victim", constrained.Client(t, "victim"), false, "name constraints"},
		{"Common Name that the constraint permits", "a.mine.example", constrained.Client(t, "a.mine.example"), true, ""},
		{"DNS name that the constraint permits", "a.mine.example", constrained.Client(t, "whoever", dns("a.mine.example")), true, ""},
		{"DNS name that the constraint permits, and a Common Name", "victim", constrained.Client(t, "victim", dns("a.mine.example")), false, "beside its alternative names"},
	}
	for _, tt := range tests {
		for _, ep := range []string{tt.ep, ""} { // whose it is shows in the certificate, too
			code, s := h.ask(t, ep, certtest.Chain(t, tt.certificate))
			if good := code == lwm2m.CodeChanged && s.Cause == store.CauseDone && string(s.Endpoint) == tt.ep; good != tt.good && (ep != "" || !tt.good && s.Endpoint == "victim") {
				t.Errorf("%s, ep %q: answered %v, session %+v", tt.name, ep, code, s)
			}
			if ep != "" && !tt.good && (s.Cause != store.CauseCertificateName || !strings.Contains(s.Detail, tt.detail)) {
				t.Errorf("%s: %s: %s", tt.name, s.Cause, s.Detail)
			}
		}
	}
}

// A handshake that failed for a certificate is put down to the device that it names.
func TestCertificateRefusedIsRecorded(t *testing.T) {
	p := newPKI(t)
	h := newCertificateServer(t, p.trust)
	h.add(t, "named", store.Credential{Kind: store.CredentialCertificateName, Identity: "serial-7"})
	h.add(t, "plain", store.Credential{Kind: store.CredentialPSK, Identity: "plain", Key: lwm2m.NewSecret([]byte("key"))})
	tests := []struct {
		certificate tls.Certificate
		endpoint    lwm2m.EndpointName
		cause       store.Cause
	}{
		{p.root.Client(t, "serial-7", expired), "named", store.CauseCertificateExpired},
		{p.untrusted.Client(t, "plain"), "plain", store.CauseCertificateUntrusted},
		{certtest.SelfSigned(t, "unknown"), "", store.CauseCertificateUnknown},
	}
	for _, tt := range tests {
		chain := certtest.Chain(t, tt.certificate)
		h.server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5000", Chain: chain, Err: h.server.VerifyClient(chain), Started: time.Now()})
		s := <-h.ended
		if s.Endpoint != tt.endpoint || s.Known != (tt.endpoint != "") || s.Cause != tt.cause || s.Stage != store.StageHandshake || s.Identity != store.Fingerprint(chain[0].Raw) {
			t.Errorf("session is %+v, want cause %s of %q", s, tt.cause, tt.endpoint)
		}
		if why := explain.Session(s); !strings.Contains(why.Happened, "certificate of") {
			t.Errorf("why: %+v", why)
		}
	}
	for err, cause := range map[error]store.Cause{
		auth.ErrNoCommonSuite:     store.CauseNoCommonSuite,
		auth.ErrNoCommonCurve:     store.CauseNoCommonCurve,
		auth.ErrNoCommonSignature: store.CauseNoCommonSignature,
		auth.ErrCertificateKind:   store.CauseCertificateKind,
		auth.ErrCertificateProof:  store.CauseCertificateProof,
		auth.ErrServerRefused:     store.CauseServerRefused,
		outcome.ErrBusy:           store.CauseBusy,
	} {
		h.server.HandshakeFailed(auth.Handshake{Remote: "192.0.2.1:5000", Err: err, Started: time.Now()})
		if s := <-h.ended; s.Cause != cause {
			t.Errorf("%v is recorded as %s", err, s.Cause)
		}
	}
}
