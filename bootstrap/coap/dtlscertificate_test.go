package coap_test

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap"
	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/dtls/record"
)

var errNotGood = errors.New("not good")

// A certificateServer is a [dtlsServer] that shows certificates, and takes clients whose
// Common Name begins with "known".
type certificateServer struct {
	*dtlsServer
	ca     *certtest.Authority
	client tls.Certificate // a good one
}

// listenCertificates opens a certificateServer with a certificate for each name and key.
func listenCertificates(t *testing.T, names []string, keys ...crypto.Signer) certificateServer {
	t.Helper()
	s := certificateServer{ca: certtest.NewAuthority(t, "Root")}
	s.client = s.ca.Client(t, "known")
	var certificates []tls.Certificate
	for i, key := range keys {
		certificates = append(certificates, s.ca.Server(t, names[i], key))
	}
	s.dtlsServer = Listen(t, func(cfg *coap.Config) {
		cfg.DTLS.Certificates = func() []tls.Certificate { return certificates }
		cfg.DTLS.VerifyClient = verifyKnown
	}, nil)
	return s
}

func verifyKnown(chain []*x509.Certificate) error {
	if len(chain) > 0 && strings.HasPrefix(chain[0].Subject.CommonName, "known") {
		return nil
	}
	return errNotGood
}

// with is a dial configuration with this certificate that trusts the server's CA.
func (s certificateServer) with(c tls.Certificate, set func(*coap.DialConfig)) func(*coap.DialConfig) {
	return func(cfg *coap.DialConfig) {
		*cfg = coap.DialConfig{Certificate: &c, ServerCertificates: []*x509.Certificate{s.ca.Certificate}}
		if set != nil {
			set(cfg)
		}
	}
}

// Each suite works, with the keys that it is for; beside them those with a pre-shared key
// do, and then no certificate is asked for.
func TestCertificateSuites(t *testing.T) {
	names := []string{"a.example", "b.example"}
	rsa := listenCertificates(t, names, certtest.RSA(t))
	both := listenCertificates(t, names, certtest.P256(t), certtest.RSA(t))
	tests := map[string]struct {
		server certificateServer
		suites []record.Suite
	}{
		"P-256 and RSA": {both, record.CertificateSuites()},
		"P-384":         {listenCertificates(t, names, certtest.P384(t)), record.CertificateSuites()[:5]},
		"RSA":           {rsa, record.CertificateSuites()[5:]},
	}
	for name, tt := range tests {
		for _, suite := range tt.suites {
			t.Run(name+"/"+suite.String(), func(t *testing.T) {
				conn := Dial(t, tt.server.Addr().String(), tt.server.with(tt.server.client, func(cfg *coap.DialConfig) {
					cfg.Suites = []record.Suite{suite}
				}))
				ask(t, conn)
				got := next(t, "request", tt.server.requests).Peer()
				if len(got.Chain) != 1 || !got.Chain[0].Equal(tt.server.client.Leaf) || got.Identity != "" || !got.Secure() {
					t.Errorf("peer = %+v", got)
				}
			})
		}
		t.Run(name+"/PSK", func(t *testing.T) {
			ask(t, Dial(t, tt.server.Addr().String(), nil))
			if got := next(t, "request", tt.server.requests).Peer(); len(got.Chain) != 0 || got.Identity != "known" {
				t.Errorf("peer = %+v", got)
			}
		})
	}
}

// Every client that is refused sees the same, and we know why.
func TestCertificateRefused(t *testing.T) {
	s := listenCertificates(t, []string{"a.example"}, certtest.P256(t))
	tests := map[string]struct {
		certificate tls.Certificate
		set         func(*coap.DialConfig)
		want        error
		shown       string // to the client
	}{
		"not good":     {certificate: s.ca.Client(t, "unknown"), want: errNotGood, shown: "BadCertificate"},
		"none":         {certificate: tls.Certificate{}, want: errNotGood, shown: "BadCertificate"},
		"long":         {certificate: long(s.client), shown: "BadCertificate"},
		"wrong key":    {certificate: withKey(s.client, certtest.P256(t)), want: auth.ErrCertificateProof, shown: "BadCertificate"},
		"unknown kind": {certificate: ofUnknownCurve(t, s.client), want: auth.ErrCertificateKind, shown: "BadCertificate"},
		"no suite":     {certificate: s.client, set: func(cfg *coap.DialConfig) { cfg.Suites = record.CertificateSuites()[5:] }, want: auth.ErrNoCommonSuite},
		"server's CA":  {certificate: s.client, set: func(cfg *coap.DialConfig) { cfg.ServerCertificates = []*x509.Certificate{s.client.Leaf} }, want: auth.ErrServerRefused},
		"wrong server": {certificate: s.client, set: func(cfg *coap.DialConfig) { cfg.ServerName = "b.example" }, want: auth.ErrServerRefused},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			conn, err := tryDTLS(s.Addr().String(), patience, s.with(tt.certificate, tt.set))
			if err == nil {
				conn.Close()
				t.Fatal("the client got in")
			}
			if !strings.Contains(err.Error(), tt.shown) {
				t.Errorf("the client sees %v, want %q", err, tt.shown)
			}
			failure := next(t, "failed handshake", s.failed)
			if failure.Err == nil || tt.want != nil && !errors.Is(failure.Err, tt.want) || failure.Identity != "" {
				t.Errorf("failure is %+v, want %v", failure, tt.want)
			}
			if wantChain := errors.Is(tt.want, errNotGood) && len(tt.certificate.Certificate) > 0; wantChain != (len(failure.Chain) == 1) {
				t.Errorf("the chain in it is %v", failure.Chain)
			}
		})
	}
}

// withKey has a key that is not that of the certificate.
func withKey(c tls.Certificate, key crypto.Signer) tls.Certificate {
	c.PrivateKey = key
	return c
}

// ofUnknownCurve has a key on no curve that there is: P-256 with the last number of its name
// (RFC 5480 §2.1.1.1) changed.
func ofUnknownCurve(t *testing.T, c tls.Certificate) tls.Certificate {
	t.Helper()
	p256 := []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}
	der := bytes.Replace(c.Certificate[0], p256, append(p256[:7:7], 99), 1)
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Fatal("the curve is known")
	}
	c.Certificate, c.Leaf = [][]byte{der}, nil
	return c
}

// long has more certificates in its chain than any device needs.
func long(c tls.Certificate) tls.Certificate {
	c.Certificate = slices.Repeat(c.Certificate, 9)
	return c
}

// Without a certificate the server has no suites for it, and a client hears so.
func TestCertificatesOff(t *testing.T) {
	s := Listen(t, nil, nil)
	client := certtest.SelfSigned(t, "known")
	_, err := tryDTLS(s.Addr().String(), patience, func(cfg *coap.DialConfig) { *cfg = coap.DialConfig{Certificate: &client} })
	if err == nil || !strings.Contains(err.Error(), "HandshakeFailure") {
		t.Errorf("dial: %v", err)
	}
	failure := next(t, "failed handshake", s.failed)
	if !errors.Is(failure.Err, auth.ErrNoCommonSuite) || !strings.Contains(failure.Err.Error(), "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8") {
		t.Errorf("failure is %+v", failure)
	}
}

// The server name that a client asks for selects the certificate; without one, and for
// one that there is none of, it is the first whose key goes with a suite of the client.
func TestCertificateByName(t *testing.T) {
	s := listenCertificates(t, []string{"a.example", "b.example", "b.example"}, certtest.P256(t), certtest.P256(t), certtest.RSA(t))
	rsaOnly := record.CertificateSuites()[5:]
	tests := map[string]struct {
		name   string
		suites []record.Suite
		ok     bool
	}{
		"first":          {"a.example", nil, true},
		"second":         {"b.example", nil, true},
		"upper case":     {"B.EXAMPLE", nil, true},
		"by the suites":  {"b.example", rsaOnly, true},
		"not with these": {"a.example", rsaOnly, false},
		"unknown":        {"c.example", nil, false}, // is shown the first, and notices
		"none":           {"", nil, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			conn, err := tryDTLS(s.Addr().String(), patience, s.with(s.client, func(cfg *coap.DialConfig) { cfg.ServerName, cfg.Suites = tt.name, tt.suites }))
			if (err == nil) != tt.ok || !tt.ok && !errors.Is(err, certificate.ErrServerCertificate) {
				t.Errorf("dial: %v", err)
			}
			if err == nil {
				conn.Close()
			}
		})
	}
}

// Certificates are exchanged while the listener runs, without a word to those that are in.
func TestCertificatesExchanged(t *testing.T) {
	old, fresh := certtest.NewAuthority(t, "Old"), certtest.NewAuthority(t, "New")
	var shown atomic.Pointer[[]tls.Certificate]
	shown.Store(&[]tls.Certificate{old.Server(t, "a.example", certtest.P256(t))})
	s := Listen(t, func(cfg *coap.Config) {
		cfg.DTLS.Certificates = func() []tls.Certificate { return *shown.Load() }
		cfg.DTLS.VerifyClient = verifyKnown
	}, nil)
	client := old.Client(t, "known")
	trusting := func(ca *certtest.Authority) func(*coap.DialConfig) {
		return func(cfg *coap.DialConfig) {
			*cfg = coap.DialConfig{Certificate: &client, ServerCertificates: []*x509.Certificate{ca.Certificate}, ServerName: "a.example"}
		}
	}
	first := Dial(t, s.Addr().String(), trusting(old))
	shown.Store(&[]tls.Certificate{fresh.Server(t, "a.example", certtest.P256(t))})
	ask(t, first)
	ask(t, Dial(t, s.Addr().String(), trusting(fresh)))
	if _, err := tryDTLS(s.Addr().String(), patience, trusting(old)); !errors.Is(err, certificate.ErrServerCertificate) {
		t.Errorf("who trusts the old one only: %v", err)
	}
}

// A long chain takes several datagrams in both directions, and a connection ID goes with
// certificates too.
func TestCertificateChain(t *testing.T) {
	s := listenCertificates(t, []string{"a.example"}, certtest.P256(t))
	below := s.ca
	for range 5 {
		below = below.Authority(t, strings.Repeat("Below ", 20))
	}
	client := below.Client(t, "known")
	conn := Dial(t, s.Addr().String(), s.with(client, func(cfg *coap.DialConfig) { cfg.OfferCID = true }))
	ask(t, conn)
	if got := next(t, "request", s.requests).Peer().Chain; len(got) != 6 || !got[0].Equal(client.Leaf) {
		t.Errorf("the chain has %d certificates", len(got))
	}
}

// Two devices with certificates are told apart, so that the association of the first goes
// on when the NAT has given its port to the second.
func TestCertificatePortPassesOn(t *testing.T) {
	s := listenCertificates(t, []string{"a.example"}, certtest.P256(t))
	p := newTap(t, s.Addr())
	first := Dial(t, p.addr(), s.with(s.client, offerCID))
	ask(t, first)
	far := next(t, "request", s.requests)
	ask(t, Dial(t, p.addr(), s.with(s.ca.Client(t, "known too"), nil)))
	if got := next(t, "request", s.requests); got == far {
		t.Fatal("two devices have one association")
	}
	p.move()
	ask(t, first)
	if got := next(t, "request", s.requests); got != far {
		t.Error("it is another association")
	}
}
