package site

import (
	"container/list"
	"net"
	"sync"
)

// Limits of connections, in all and of one source.
const (
	MaxConns      = 1024
	MaxConnsOfOne = 128
)

// Limit returns l with at most max connections, and of one IP address at most maxOfOne: for a new one the oldest is
// closed, of the address that has the most. So no one who opens connections keeps others out. Behind a proxy, which is
// one address, maxOfOne is max.
func Limit(l net.Listener, max, maxOfOne int) net.Listener {
	return &limited{Listener: l, max: max, maxOfOne: maxOfOne, of: make(map[string]*list.List)}
}

type limited struct {
	net.Listener
	max, maxOfOne int

	mu sync.Mutex
	n  int                   // guarded by mu
	of map[string]*list.List // the connections of each address, the oldest in front; guarded by mu
}

// A limitedConn is one connection of a limited listener.
type limitedConn struct {
	net.Conn
	l     *limited
	from  string
	place *list.Element // nil once closed; guarded by mu of l
}

// Accept implements [net.Listener].
func (l *limited) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	from, _, err := net.SplitHostPort(nc.RemoteAddr().String())
	if err != nil {
		from = nc.RemoteAddr().String()
	}
	c := &limitedConn{Conn: nc, l: l, from: from}
	if oldest := l.add(c); oldest != nil {
		_ = oldest.Close()
	}
	return c, nil
}

// add notes a connection, and returns the one that has to be closed for it, if any.
func (l *limited) add(c *limitedConn) (oldest *limitedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	own := l.of[c.from]
	if own == nil {
		own = list.New()
		l.of[c.from] = own
	}
	switch {
	case own.Len() >= l.maxOfOne:
		oldest = own.Front().Value.(*limitedConn)
	case l.n >= l.max:
		most := own
		for _, conns := range l.of {
			if conns.Len() > most.Len() {
				most = conns
			}
		}
		if most.Len() > 0 {
			oldest = most.Front().Value.(*limitedConn)
		}
	}
	c.place = own.PushBack(c)
	l.n++
	return oldest
}

// Close implements [net.Conn].
func (c *limitedConn) Close() error {
	c.l.mu.Lock()
	if c.place != nil {
		own := c.l.of[c.from]
		own.Remove(c.place)
		if own.Len() == 0 {
			delete(c.l.of, c.from)
		}
		c.place = nil
		c.l.n--
	}
	c.l.mu.Unlock()
	return c.Conn.Close()
}
