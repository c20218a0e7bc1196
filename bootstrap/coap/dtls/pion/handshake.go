package pion

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"slices"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"

	"lwbs/bootstrap/coap/dtls/certificate"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
)

// This file and silence have all calls of pion's DTLS.

// An Authenticator answers what a handshake asks the server. Its methods are called within the
// handshake, by goroutines of pion, and must not panic.
type Authenticator interface {
	// Key returns the key of an identity; its error ends the handshake.
	Key(identity string) ([]byte, error)

	// Certificate returns the certificate to show to a client that asked for a server of this
	// name; its error, that none will do, ends the handshake with handshake_failure.
	Certificate(serverName string) (*tls.Certificate, error)

	// Verify decides about the certificates of a client, which has proved to have the key of the
	// first one, if any; its error ends the handshake.
	Verify(chain [][]byte) error

	// Unverified is told what certificates a client sent in a handshake that failed; none where
	// none came so far.
	Unverified(chain [][]byte)

	// ConnectionID returns the connection ID for a client that asks for one.
	ConnectionID() []byte
}

// An Opening is what is known of a client from its ClientHello.
type Opening struct {
	Cookie []byte // that the client has returned already

	// Signatures are those that the client may use to prove its key; with the first that goes
	// with the key of the certificate the server proves its own.
	Signatures []hello.SignatureAlgorithm

	WithCID bool // the client may be given a connection ID
}

// An Agreement is what a complete handshake has agreed upon.
type Agreement struct {
	Suite        record.Suite
	Identity     string // of the client; empty for one with a certificate
	Master       []byte // secret, 48 bytes
	ServerRandom []byte
	Flight       []byte // the last of the server, one datagram
	Next         uint64 // number of the next record of the server
}

// Accept runs the handshake with the client at peer over p, which it closes. Of what comes
// through p after the last flight of the server nothing is lost: it is left in there.
func Accept(ctx context.Context, p *Pipe, peer net.Addr, o Opening, auth Authenticator) (Agreement, error) {
	defer p.Close()
	var seen flightWatch
	p.last = seen.look
	var secret masterSecret
	asked := &askedConn{PacketConn: p, cookie: o.Cookie}
	c, err := dtls.ServerWithOptions(asked, peer, append(serverOptions(o, auth), dtls.WithKeyLogWriter(&secret))...)
	if err != nil {
		return Agreement{}, err
	}
	asked.c = c
	if err := handshakeOf(ctx, c); err != nil {
		if state, ok := c.ConnectionState(); ok {
			auth.Unverified(state.PeerCertificates)
		}
		return Agreement{}, err
	}
	state, ok := c.ConnectionState()
	c.Close() // whose close_notify the pipe swallows
	if !ok || len(secret) == 0 || seen.flight == nil {
		return Agreement{}, errStateLayout
	}
	return Agreement{
		Suite:        record.Suite(state.CipherSuiteID),
		Identity:     string(state.IdentityHint),
		Master:       secret,
		ServerRandom: seen.random,
		Flight:       seen.flight,
		Next:         seen.next,
	}, nil
}

// errStateLayout: pion does not tell what it did before.
var errStateLayout = errors.New("no keys after the handshake")

// A masterSecret is that of a handshake as pion logs it in the format of NSS: label, random
// and secret in hexadecimal. Of the ways that pion has to give it away this takes a
// microsecond; the state of an association, which is gob, takes ninety.
type masterSecret []byte

// Write implements [io.Writer].
func (s *masterSecret) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) == 3 && string(fields[0]) == "CLIENT_RANDOM" {
		*s, _ = hex.AppendDecode(nil, fields[2])
	}
	return len(line), nil
}

// A flightWatch looks at what a server sends for its random and its last flight.
type flightWatch struct {
	random []byte
	flight []byte
	next   uint64 // number of the record after that flight
}

// look reports whether b is the last flight: ChangeCipherSpec and Finished, which are so
// small that they always are in one datagram.
func (w *flightWatch) look(b []byte) bool {
	if body, ok := record.SentHandshake(b, record.ServerHello); ok && len(body) >= 2+record.RandomSize {
		w.random = bytes.Clone(body[2 : 2+record.RandomSize])
	}
	first, finished, ok := record.Next(b)
	if !ok || first.ContentType() != record.TypeChangeCipherSpec || len(finished) < record.HeaderSize {
		return false
	}
	w.flight = bytes.Clone(b)
	w.next = record.Record{Header: finished}.Number() + 1
	return true
}

// serverOptions are those of pion. It is told only to ask for a certificate: what becomes of one
// is decided at the end of the handshake, when the client has proved everything, and each
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

// RefusedServer reports whether a handshake ended with an alert of the client about the
// certificate it was shown (RFC 5246 §7.2.2): bad_certificate to certificate_unknown, or
// unknown_ca.
func RefusedServer(err error) bool {
	var alert interface{ Marshal() ([]byte, error) }
	if !errors.As(err, &alert) {
		return false
	}
	b, err := alert.Marshal()
	return err == nil && len(b) == 2 && (b[1] >= 42 && b[1] <= 46 || b[1] == 48)
}

// handshakeOf completes the handshake of c, or closes c. An association that the peer has
// ended by then is complete too: what it sent can still be read.
func handshakeOf(ctx context.Context, c *dtls.Conn) error {
	err := c.HandshakeContext(ctx)
	if err == nil || complete(c) {
		return nil
	}
	c.Close()
	var he *dtls.HandshakeError
	if errors.As(err, &he) {
		err = he.Err
	}
	return fmt.Errorf("handshake: %w", err)
}

// complete reports whether the handshake of c is complete. Where the peer closes at
// once, HandshakeContext tells of that or of the handshake, at random; but the state of
// an association can be exported only if it is complete.
func complete(c *dtls.Conn) bool {
	state, ok := c.ConnectionState()
	if !ok {
		return false
	}
	_, err := state.MarshalBinary()
	return err == nil
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

func SuiteOption(suites []record.Suite) dtls.Option {
	ids := make([]dtls.CipherSuiteID, len(suites))
	for i, s := range suites {
		ids[i] = dtls.CipherSuiteID(s)
	}
	return dtls.WithCipherSuites(ids...)
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

// An askedConn is the way to a client that has returned our cookie before there was an
// association. What pion asks for a second time does not leave, and pion is told to
// expect what the client has sent.
//
// pion makes a cookie for each association and has no option for another. So this
// writes over the bytes of it, in the goroutine that made them and before it looks at
// them again. A test tells whether a later pion keeps them elsewhere.
type askedConn struct {
	net.PacketConn
	c      *dtls.Conn
	cookie []byte
}

// errCookieLayout: pion keeps its cookie in another way.
var errCookieLayout = errors.New("no cookie in the state of a DTLS association")

// WriteTo implements [net.PacketConn].
func (a *askedConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if _, is := hello.SentCookie(b); !is {
		return a.PacketConn.WriteTo(b, to)
	}
	made := cookieOf(a.c)
	if len(made) != len(a.cookie) {
		return 0, errCookieLayout
	}
	copy(made, a.cookie)
	return len(b), nil
}

// cookieOf returns the bytes that the peer of c has to return; nil where they are not
// to be found.
func cookieOf(c *dtls.Conn) []byte {
	state := reflect.ValueOf(c).Elem().FieldByName("state")
	if state.Kind() != reflect.Struct {
		return nil
	}
	cookie := state.FieldByName("cookie")
	if !cookie.IsValid() || cookie.Type() != reflect.TypeFor[[]byte]() {
		return nil
	}
	return cookie.Bytes()
}
