package pion

import (
	"crypto/tls"
	"slices"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"

	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// serverOptions are those of pion. It is told only to ask for a certificate: what becomes of one
// is decided at the end of the handshake, when the client has signed, and each
// refusal looks like any other to it.
func serverOptions(o Opening, auth Authenticator) []dtls.ServerOption {
	options := []dtls.ServerOption{
		dtls.WithPSK(func(identity []byte) ([]byte, error) { return auth.Key(string(identity)) }),
		SuiteOption(append(record.Suites(), record.CertificateSuites()...)),
		signatureOption(o.Signatures),
		groupOption(),
		Silence(),
		dtls.WithGetCertificate(func(hello *dtls.ClientHelloInfo) (*tls.Certificate, error) {
			return auth.Certificate(hello.ServerName)
		}),
		dtls.WithClientAuth(dtls.RequestClientCert),
		dtls.WithVerifyConnection(func(s *dtls.State) error {
			if slices.Contains(record.Suites(), record.Suite(s.CipherSuiteID)) {
				return nil
			}
			return auth.Verify(s.PeerCertificates)
		}),
	}
	if o.WithCID {
		options = append(options, dtls.WithConnectionIDGenerator(auth.ConnectionID))
	}
	return options
}

func signatureOption(signatures []hello.SignatureAlgorithm) dtls.Option {
	schemes := make([]tls.SignatureScheme, len(signatures))
	for i, s := range signatures {
		schemes[i] = tls.SignatureScheme(s)
	}
	return dtls.WithSignatureSchemes(schemes...)
}

func groupOption() dtls.Option {
	var curves []elliptic.Curve
	for _, g := range hello.Groups() {
		curves = append(curves, elliptic.Curve(g))
	}
	return dtls.WithEllipticCurves(curves...)
}

// SuiteOption makes a client or server use these suites.
func SuiteOption(suites []record.Suite) dtls.Option {
	ids := make([]dtls.CipherSuiteID, len(suites))
	for i, s := range suites {
		ids[i] = dtls.CipherSuiteID(s)
	}
	return dtls.WithCipherSuites(ids...)
}
