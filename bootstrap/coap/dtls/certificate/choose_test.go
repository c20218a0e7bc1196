package certificate

import (
	"crypto"
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// Mbed TLS 2.28 offers suites with certificates first, though it has a pre-shared key and
// no certificate.
func TestChooseLeavesRoomForKeys(t *testing.T) {
	certificates := []tls.Certificate{certtest.NewAuthority(t, "Root").Server(t, "a.example", certtest.P256(t))}
	for name, datagrams := range coaptest.Recordings(t) {
		o, _ := hello.ParseOffer(datagrams[0].B)
		if c, err := Choose(certificates, "a.example", o); err != nil || c.Leaf != nil {
			t.Errorf("%s: a client with a key is shown a certificate, error %v", name, err)
		}
	}
	if c, err := Choose(certificates, "", hello.Offer{Suites: []record.Suite{record.ECDSAWithAES128CCM8}}); err != nil || c.Leaf != certificates[0].Leaf {
		t.Errorf("a client without a key is not shown the certificate: %v", err)
	}
}

// keys are those of servers, of every kind.
func keys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	return map[string]crypto.Signer{"P-256": certtest.P256(t), "P-384": certtest.P384(t), "P-521": certtest.P521(t),
		"Ed25519": certtest.Ed25519(t), "RSA": certtest.RSA(t)}
}

// A client is shown a certificate whose key it can verify: by its suite, the curve of the
// key and the signatures it makes. Where there is none it is told what was missing.
func TestChooseByOffer(t *testing.T) {
	ca := certtest.NewAuthority(t, "Root")
	have := make(map[string]tls.Certificate)
	for name, key := range keys(t) {
		have[name] = ca.Server(t, "bs.example.com", key)
	}
	ecdsa, rsa := []record.Suite{record.ECDSAWithAES128CCM8}, []record.Suite{record.RSAWithAES128GCMSHA256}
	both := append(ecdsa, rsa...)
	tests := []struct {
		name  string
		have  []string
		offer hello.Offer
		want  string // "" for none
		err   error
		tells []string
	}{
		{"nothing but suites", []string{"P-256"}, hello.Offer{Suites: ecdsa}, "P-256", nil, nil},
		{"P-256 signs with SHA-384", []string{"P-256"}, hello.Offer{Suites: ecdsa, Signatures: []hello.SignatureAlgorithm{hello.ECDSAWithSHA384}}, "P-256", nil, nil},
		{"the key whose signatures it takes", []string{"P-256", "Ed25519"}, hello.Offer{Suites: ecdsa, Signatures: []hello.SignatureAlgorithm{hello.Ed25519}}, "Ed25519", nil, nil},
		{"the key whose curve it knows", []string{"P-384", "P-256"}, hello.Offer{Suites: ecdsa, Groups: []hello.Group{hello.P256}}, "P-256", nil, nil},
		{"the key whose suite it has", []string{"P-256", "RSA"}, hello.Offer{Suites: rsa, Groups: []hello.Group{hello.X25519}}, "RSA", nil, nil},
		{"RSA where ECDSA signatures are missing", []string{"P-256", "RSA"}, hello.Offer{Suites: both, Signatures: []hello.SignatureAlgorithm{hello.RSAWithSHA512}}, "RSA", nil, nil},
		{"no suite", []string{"P-256"}, hello.Offer{Suites: rsa}, "", auth.ErrNoCommonSuite, []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}},
		{"no signature", []string{"P-256"}, hello.Offer{Suites: ecdsa, Signatures: []hello.SignatureAlgorithm{0x0203, hello.Ed25519, hello.RSAWithSHA256}}, "",
			auth.ErrNoCommonSignature, []string{"ECDSA with SHA-1, Ed25519, RSA with SHA-256", "CN=bs.example.com", "ECDSA with SHA-256, ECDSA with SHA-384"}},
		{"an empty list of signatures", []string{"P-256"}, hello.Offer{Suites: ecdsa, Signatures: []hello.SignatureAlgorithm{}}, "", auth.ErrNoCommonSignature, []string{"offers none"}},
		{"RSA-PSS only", []string{"RSA"}, hello.Offer{Suites: rsa, Signatures: []hello.SignatureAlgorithm{hello.PSSWithSHA256}}, "", auth.ErrNoCommonSignature,
			[]string{"RSA-PSS with SHA-256", "RSA with SHA-256"}},
		{"no curve", []string{"P-256"}, hello.Offer{Suites: ecdsa, Groups: []hello.Group{26, hello.P521}}, "", auth.ErrNoCommonCurve, []string{"brainpoolP256r1, P-521", "P-256, P-384, X25519"}},
		{"an empty list of curves", []string{"RSA"}, hello.Offer{Suites: rsa, Groups: []hello.Group{}}, "", auth.ErrNoCommonCurve, []string{"offers none"}},
		{"a curve for the exchange, not for the key", []string{"P-521", "P-384"}, hello.Offer{Suites: ecdsa, Groups: []hello.Group{hello.X25519, hello.P256}}, "P-521", nil, nil},
		{"what is nearest is told", []string{"RSA", "P-256"}, hello.Offer{Suites: ecdsa, Signatures: []hello.SignatureAlgorithm{hello.Ed25519}}, "", auth.ErrNoCommonSignature, []string{"Ed25519"}},
		{"no certificate", nil, hello.Offer{Suites: ecdsa}, "", auth.ErrNoCommonSuite, []string{"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"}},
	}
	for _, tt := range tests {
		var certificates []tls.Certificate
		for _, name := range tt.have {
			certificates = append(certificates, have[name])
		}
		c, err := Choose(certificates, "", tt.offer)
		if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
			t.Errorf("%s: error %v, want %v", tt.name, err, tt.err)
			continue
		}
		for _, text := range tt.tells {
			if !strings.Contains(err.Error(), text) {
				t.Errorf("%s: %q does not tell %q", tt.name, err, text)
			}
		}
		if err == nil && c.Leaf != have[tt.want].Leaf {
			t.Errorf("%s: it is shown another", tt.name)
		}
	}
}

// Of several that will do it is shown the one of the name it asked for, and of these one
// from an issuer whose signature it takes.
func TestChooseTheBest(t *testing.T) {
	byRSA := certtest.NewAuthorityWith(t, "RSA root", certtest.RSA(t))
	byECDSA := certtest.NewAuthority(t, "ECDSA root")
	key := certtest.P256(t)
	first, second, third := byRSA.Server(t, "a.example", key), byECDSA.Server(t, "b.example", key), byECDSA.Server(t, "a.example", key)
	all := []tls.Certificate{first, second, third}
	suites := []record.Suite{record.ECDSAWithAES128CCM8}
	only := []hello.SignatureAlgorithm{hello.ECDSAWithSHA256}
	tests := []struct {
		name, sni string
		offer     hello.Offer
		want      tls.Certificate
	}{
		{"nothing said", "", hello.Offer{Suites: suites}, first},
		{"by name", "b.example", hello.Offer{Suites: suites}, second},
		{"by issuer", "", hello.Offer{Suites: suites, Signatures: only}, second},
		{"by both", "a.example", hello.Offer{Suites: suites, Signatures: only}, third},
		{"by what it says of certificates", "a.example", hello.Offer{Suites: suites, Signatures: only, ChainSignatures: []hello.SignatureAlgorithm{hello.RSAWithSHA256}}, first},
		{"the name before the issuer", "b.example", hello.Offer{Suites: suites, Signatures: only, ChainSignatures: []hello.SignatureAlgorithm{hello.RSAWithSHA256}}, second},
	}
	for _, tt := range tests {
		if c, err := Choose(all, tt.sni, tt.offer); err != nil || c.Leaf != tt.want.Leaf {
			t.Errorf("%s: it is shown another, error %v", tt.name, err)
		}
	}
}
