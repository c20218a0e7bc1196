package coap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

// This file has all calls of pion's DTLS.

// acceptPSK runs the handshake with the client at peer over pc, which it closes when
// that fails. key returns the key of an identity; its error ends the handshake. cid
// returns the connection ID for a client that asks for one. cookie is what the client has
// returned already; nil where it is still to be asked. ctx has no effect on the
// association once the handshake is complete.
func acceptPSK(
	ctx context.Context, pc net.PacketConn, peer net.Addr,
	key func(identity string) ([]byte, error), cid func() []byte, cookie []byte,
) (nc net.Conn, identity string, err error) {
	asked := &askedConn{PacketConn: pc, cookie: cookie}
	if cookie != nil {
		pc = asked
	}
	c, err := dtls.ServerWithOptions(pc, peer,
		dtls.WithPSK(func(identity []byte) ([]byte, error) { return key(string(identity)) }),
		suiteOption(Suites()),
		dtls.WithConnectionIDGenerator(cid),
		silence(),
	)
	if err != nil {
		pc.Close()
		return nil, "", err
	}
	asked.c = c
	if err := handshake(ctx, c); err != nil {
		return nil, "", err
	}
	state, ok := c.ConnectionState()
	if !ok {
		c.Close()
		return nil, "", errors.New("no state after the handshake")
	}
	return dtlsConn{c}, string(state.IdentityHint), nil
}

// connectPSK runs the handshake with the server at peer over pc, which it closes when
// that fails.
func connectPSK(ctx context.Context, pc net.PacketConn, peer net.Addr, cfg DialConfig) (net.Conn, error) {
	suites := cfg.Suites
	if len(suites) == 0 {
		suites = Suites()
	}
	options := []dtls.ClientOption{
		dtls.WithPSK(func([]byte) ([]byte, error) { return cfg.Key.Reveal(), nil }),
		dtls.WithPSKIdentityHint([]byte(cfg.Identity)),
		suiteOption(suites),
		silence(),
	}
	if cfg.OfferCID {
		options = append(options, dtls.WithConnectionIDGenerator(dtls.RandomCIDGenerator(cfg.OwnCID)))
	}
	c, err := dtls.ClientWithOptions(pc, peer, options...)
	if err != nil {
		pc.Close()
		return nil, err
	}
	if err := handshake(ctx, c); err != nil {
		return nil, err
	}
	return dtlsConn{c}, nil
}

// handshake completes the handshake of c, or closes c. An association that the peer has
// ended by then is complete too: what it sent can still be read.
func handshake(ctx context.Context, c *dtls.Conn) error {
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

func suiteOption(suites []Suite) dtls.Option {
	ids := make([]dtls.CipherSuiteID, len(suites))
	for i, s := range suites {
		ids[i] = dtls.CipherSuiteID(s)
	}
	return dtls.WithCipherSuites(ids...)
}

// silence keeps pion from logging to the standard error output: what there is to tell
// comes back as an error.
func silence() dtls.Option {
	return dtls.WithLoggerFactory(&logging.DefaultLoggerFactory{
		Writer:          io.Discard,
		DefaultLogLevel: logging.LogLevelDisabled,
	})
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
	if _, is := sentCookie(b); !is {
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
