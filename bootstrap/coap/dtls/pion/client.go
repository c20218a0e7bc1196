package pion

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
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

	// Socket returns what [Dial] uses in place of the socket that it is given; nil uses that.
	Socket func(net.Conn) net.Conn
}

// Connect runs the handshake with the server at peer over pc, which it closes when that
// fails.
func Connect(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg Client) (net.Conn, error) {
	suites := cfg.Suites
	var options []dtls.ClientOption
	if cfg.Certificate == nil {
		suites = orSuites(suites, record.Suites())
		options = []dtls.ClientOption{
			dtls.WithPSK(func([]byte) ([]byte, error) { return cfg.Key.Reveal(), nil }),
			dtls.WithPSKIdentityHint([]byte(cfg.Identity)),
		}
	} else {
		suites = orSuites(suites, record.CertificateSuites())
		options = []dtls.ClientOption{
			dtls.WithGetClientCertificate(func(*dtls.CertificateRequestInfo) (*tls.Certificate, error) { return cfg.Certificate, nil }),
			dtls.WithServerName(cfg.ServerName),
			dtls.WithInsecureSkipVerify(true), // the next one verifies
			dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
				chain, err := certificate.ParseChain(raw)
				if err != nil {
					return err
				}
				return certificate.VerifyServer(cfg.ServerCertificates, chain, cfg.ServerName)
			}),
		}
	}
	options = append(options, SuiteOption(suites), Silence())
	if cfg.OfferCID {
		options = append(options, dtls.WithConnectionIDGenerator(dtls.RandomCIDGenerator(cfg.OwnCID)))
	}
	c, err := dtls.ClientWithOptions(pc, peer, options...)
	if err != nil {
		pc.Close()
		return nil, err
	}
	if err := handshakeOf(ctx, c); err != nil {
		return nil, err
	}
	return dtlsConn{c}, nil
}

func orSuites(suites, byDefault []record.Suite) []record.Suite {
	if len(suites) == 0 {
		return byDefault
	}
	return suites
}

// lastReads is how often a read that found the end is tried again.
const lastReads = 32

// A dtlsConn loses nothing of what came before the end of the association.
type dtlsConn struct{ *dtls.Conn }

// Read implements [net.Conn]. At the end of the association pion may hold one more
// datagram, and returns at random either that or the end, as often as it is asked. So
// the end is taken for true only after many times.
func (c dtlsConn) Read(b []byte) (n int, err error) {
	for range lastReads {
		if n, err = c.Conn.Read(b); !errors.Is(err, io.EOF) {
			break
		}
	}
	return n, err
}

// Dial opens a DTLS association with the server at addr, from local unless that is empty,
// and returns after the handshake.
func Dial(ctx context.Context, addr, local string, cfg Client) (net.Conn, error) {
	nc, err := udp.Dial(ctx, addr, local)
	if err != nil {
		return nil, err
	}
	if cfg.Socket != nil {
		return Connect(ctx, replaced{cfg.Socket(nc)}, nc.RemoteAddr(), cfg)
	}
	return Connect(ctx, Connected{nc}, nc.RemoteAddr(), cfg)
}

// A replaced is what is used in place of a socket, as the [net.PacketConn] that pion wants.
type replaced struct{ net.Conn }

// ReadFrom implements [net.PacketConn].
func (c replaced) ReadFrom(b []byte) (int, net.Addr, error) {
	n, err := c.Read(b)
	return n, c.RemoteAddr(), err
}

// WriteTo implements [net.PacketConn], whatever the address.
func (c replaced) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }

// A Connected is a socket with one peer as the [net.PacketConn] that pion wants.
type Connected struct{ *net.UDPConn }

// WriteTo implements [net.PacketConn], whatever the address.
func (c Connected) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }
