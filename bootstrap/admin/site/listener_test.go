package site

import (
	"errors"
	"fmt"
	"net"
	"testing"
)

// A fakeConn comes from an address.
type fakeConn struct {
	net.Conn
	from   string
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.ParseIP(c.from), Port: 1}
}

func (c *fakeConn) Close() error { c.closed = true; return nil }

// A fakeListener accepts what it is given.
type fakeListener struct {
	net.Listener
	next []net.Conn
}

func (l *fakeListener) Accept() (net.Conn, error) {
	if len(l.next) == 0 {
		return nil, errors.New("no more")
	}
	c := l.next[0]
	l.next = l.next[1:]
	return c, nil
}

// Whoever has the most connections gives one up for a new one, and no one else does.
func TestConnectionsAreShared(t *testing.T) {
	var all []*fakeConn
	inner := new(fakeListener)
	come := func(from string) {
		c := &fakeConn{from: from}
		all, inner.next = append(all, c), append(inner.next, c)
	}
	come("192.0.2.1")
	for range 20 {
		come("198.51.100.1")
	}
	for i := range 8 {
		come(fmt.Sprintf("203.0.113.%d", i))
	}
	l := Limit(inner, 10, 5)
	var open []net.Conn
	for {
		c, err := l.Accept()
		if err != nil {
			break
		}
		open = append(open, c)
	}
	left := make(map[string]int)
	for _, c := range all {
		if !c.closed {
			left[c.from]++
		}
	}
	if left["192.0.2.1"] != 1 || left["198.51.100.1"] != 1 || len(left) != 10 {
		t.Errorf("left are %v", left)
	}
	for _, c := range open {
		_ = c.Close()
		_ = c.Close() // the server and the limit may both do so
	}
	if n := l.(*limited).n; n != 0 || len(l.(*limited).of) != 0 {
		t.Errorf("%d are noted when all are closed", n)
	}
}
