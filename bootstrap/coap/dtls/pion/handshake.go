package pion

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/pion/dtls/v3"

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

	// Verify decides about the certificates of a client, which has signed with the key of the
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

	// Signatures are those that the client may sign with; the server signs with the first that
	// goes with the key of its certificate.
	Signatures []hello.SignatureAlgorithm

	WithCID bool // the client may be given a connection ID
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
