package pion

import (
	"errors"
	"net"
	"reflect"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap/coap/dtls/hello"
)

// An askedConn is the way to a client that has returned our cookie before there was an
// association. The HelloVerifyRequest of pion is not sent, and pion is made to
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
