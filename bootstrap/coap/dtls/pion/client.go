package pion

import (
	"crypto/tls"
	"crypto/x509"

	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/lwm2m"
)

// A Client says how a client shakes hands: with Identity and Key, or with a Certificate, an
// empty one for none.
type Client struct {
	Identity string // of PSK
	Key      lwm2m.Secret

	Certificate        *tls.Certificate
	ServerCertificates []*x509.Certificate // that are trusted, of CAs or of the server itself
	ServerName         string              // is sent (SNI) and must be in the server's certificate; empty leaves out both

	Suites   []record.Suite // offered, the best first; none: all that go with the credential
	OfferCID bool           // asks for a connection ID (RFC 9146)
	OwnCID   int            // bytes of the one that the server is to send, 0 to 255
}
