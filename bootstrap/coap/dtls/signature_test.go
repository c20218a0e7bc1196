package dtls

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/signaturehash"
	"github.com/pion/dtls/v3/pkg/protocol/extension"
	pionhandshake "github.com/pion/dtls/v3/pkg/protocol/handshake"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/certtest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

// keyExchangeSent is the curve of a ServerKeyExchange in a datagram, and with what it is
// signed; ok is false where there is none (RFC 8422 §5.4).
func keyExchangeSent(datagram []byte) (g hello.Group, a hello.SignatureAlgorithm, ok bool) {
	for len(datagram) > 0 {
		r, rest, ok := record.Next(datagram)
		if !ok {
			return 0, 0, false
		}
		datagram = rest
		const serverKeyExchange, curve = 12, 3
		if r.Epoch() != record.PlainEpoch || r.ContentType() != record.TypeHandshake || len(r.Content) < record.HandshakeHeader+curve+1 || r.Content[0] != serverKeyExchange {
			continue
		}
		body := r.Content[record.HandshakeHeader:]
		_, signed, ok := record.CutVector(body[curve:]) // the public key
		if !ok || len(signed) < 2 {
			return 0, 0, false
		}
		return hello.Group(body[1])<<8 | hello.Group(body[2]), hello.SignatureAlgorithm(signed[0])<<8 | hello.SignatureAlgorithm(signed[1]), true
	}
	return 0, 0, false
}

// alertSent is the description of an alert in the clear; ok is false where there is none.
func alertSent(datagram []byte) (description byte, ok bool) {
	r, _, ok := record.Next(datagram)
	if !ok || r.Epoch() != record.PlainEpoch || r.ContentType() != record.TypeAlert || len(r.Content) != 2 {
		return 0, false
	}
	return r.Content[1], true
}

// shakeWith has a client with a certificate complete a handshake, with these options too.
func (b *simulatedListener) shakeWith(c tls.Certificate, options ...dtls.ClientOption) error {
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	options = append([]dtls.ClientOption{dtls.WithCertificates(c), dtls.WithInsecureSkipVerify(true), pion.SuiteOption(record.CertificateSuites()), pion.Silence()}, options...)
	conn, err := dtls.ClientWithOptions(b.connect(peerAt(9)), udp.Peer{}, options...)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.HandshakeContext(ctx)
}

// offeringOnly has a client offer one signature algorithm.
func offeringOnly(a tls.SignatureScheme) dtls.Option {
	return dtls.WithClientHelloMessageHook(func(m pionhandshake.MessageClientHello) pionhandshake.Message {
		for i, e := range m.Extensions {
			if _, ok := e.(*extension.SupportedSignatureAlgorithms); ok {
				var only signaturehash.Algorithm
				_ = only.Unmarshal(a) // it is one that pion knows
				m.Extensions[i] = &extension.SupportedSignatureAlgorithms{SignatureHashAlgorithms: []signaturehash.Algorithm{only}}
			}
		}
		return &m
	})
}

// The server signs with an algorithm that the client offers, which the client checks, or ends
// the handshake with handshake_failure and says what was missing.
func TestServerSignsAsOffered(t *testing.T) {
	own := map[string]crypto.Signer{"P-256": certtest.P256(t), "P-384": certtest.P384(t), "P-521": certtest.P521(t),
		"Ed25519": certtest.Ed25519(t), "RSA": certtest.RSA(t)}
	ecdsa := []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256, tls.ECDSAWithP384AndSHA384, tls.ECDSAWithP521AndSHA512}
	rsa := []tls.SignatureScheme{tls.PKCS1WithSHA256, tls.PKCS1WithSHA384, tls.PKCS1WithSHA512}
	works := map[string][]tls.SignatureScheme{"P-256": ecdsa, "P-384": ecdsa, "P-521": ecdsa, "Ed25519": {tls.Ed25519}, "RSA": rsa}
	for _, offered := range slices.Concat(ecdsa, rsa, []tls.SignatureScheme{tls.Ed25519, tls.PSSWithSHA256}) {
		for name, key := range own {
			t.Run(name+"/"+hello.SignatureAlgorithm(offered).String(), func(t *testing.T) {
				checkSignature(t, key, offered, slices.Contains(works[name], offered))
			})
		}
	}
}

// checkSignature checks what becomes of a client that takes one algorithm, with a server that
// has one key.
func checkSignature(t *testing.T, key crypto.Signer, offered tls.SignatureScheme, works bool) {
	var server, client tls.Certificate
	inSimulation(t, func(cfg *Config) {
		ca := certtest.NewAuthority(t, "Root")
		server, client = ca.Server(t, "bs.example.com", key), ca.Client(t, "device")
		cfg.DTLS.Certificates = func() []tls.Certificate { return []tls.Certificate{server} }
		cfg.DTLS.VerifyClient = func([]*x509.Certificate) error { return nil }
	}, func(b *simulatedListener) {
		var signed []hello.SignatureAlgorithm
		var alerts []byte
		b.lose = func(_ udp.Peer, up bool, d []byte) bool {
			if _, a, ok := keyExchangeSent(d); !up && ok {
				signed = append(signed, a)
			}
			if a, ok := alertSent(d); !up && ok {
				alerts = append(alerts, a)
			}
			return false
		}
		err := b.shakeWith(client, offeringOnly(offered))
		synctest.Wait()
		b.wire.Lock()
		defer b.wire.Unlock()
		switch {
		case works && (err != nil || len(signed) == 0 || signed[0] != hello.SignatureAlgorithm(offered)):
			t.Errorf("error %v, signed with %v", err, signed)
		case !works && (err == nil || len(signed) > 0 || len(alerts) == 0 || alerts[0] != 40):
			t.Errorf("error %v, signed with %v, alerts %v; want handshake_failure", err, signed, alerts)
		case !works:
			h := <-b.failed
			if !errors.Is(h.Err, auth.ErrNoCommonSignature) || !strings.Contains(h.Err.Error(), hello.SignatureAlgorithm(offered).String()) {
				t.Errorf("told of %v", h.Err)
			}
		}
	})
}

// A client that offers neither curves nor signature algorithms gets what constrained ones
// have (RFC 7925 §4.4).
func TestClientOffersLittle(t *testing.T) {
	var client tls.Certificate
	inSimulation(t, func(cfg *Config) {
		ca := certtest.NewAuthority(t, "Root")
		server := ca.Server(t, "bs.example.com", certtest.P256(t))
		client = ca.Client(t, "device")
		cfg.DTLS.Certificates = func() []tls.Certificate { return []tls.Certificate{server} }
		cfg.DTLS.VerifyClient = func([]*x509.Certificate) error { return nil }
	}, func(b *simulatedListener) {
		var curve hello.Group
		var signed hello.SignatureAlgorithm
		b.lose = func(_ udp.Peer, up bool, d []byte) bool {
			if g, a, ok := keyExchangeSent(d); !up && ok {
				curve, signed = g, a
			}
			return false
		}
		err := b.shakeWith(client, dtls.WithClientHelloMessageHook(func(m pionhandshake.MessageClientHello) pionhandshake.Message {
			m.Extensions = slices.DeleteFunc(m.Extensions, func(e extension.Extension) bool {
				return e.TypeValue() == hello.ExtensionGroups || e.TypeValue() == hello.ExtensionSignatures
			})
			return &m
		}))
		synctest.Wait()
		b.wire.Lock()
		defer b.wire.Unlock()
		if err != nil || curve != hello.P256 || signed != hello.ECDSAWithSHA256 {
			t.Errorf("error %v, %v, %v", err, curve, signed)
		}
	})
}
