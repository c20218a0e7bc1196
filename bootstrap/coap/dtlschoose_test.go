package coap

import (
	"crypto/tls"
	"testing"

	"lwbs/bootstrap/certtest"
)

// Mbed TLS 2.28 offers suites with certificates first, though it has a pre-shared key and
// no certificate.
func TestChooseLeavesRoomForKeys(t *testing.T) {
	certificates := []tls.Certificate{certtest.NewAuthority(t, "Root").Server(t, "a.example", certtest.P256(t))}
	for name, datagrams := range recordings(t) {
		if c := choose(certificates, "a.example", offered(datagrams[0].b)); c == nil || c.Leaf != nil {
			t.Errorf("%s: a client with a key is shown a certificate", name)
		}
	}
	if c := choose(certificates, "", []Suite{ECDSAWithAES128CCM8}); c == nil || c.Leaf != certificates[0].Leaf {
		t.Error("a client without a key is not shown the certificate")
	}
}
