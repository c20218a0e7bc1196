package serve

import (
	"container/list"
	"net"
	"sync"
)

// A yieldingListener has at most limit open connections: for a new one it closes the oldest. So idle
// connections cannot block new ones.
type yieldingListener struct {
	net.Listener
	limit int

	mu   sync.Mutex
	open list.List // of *yieldingConn, accepted first in front; guarded by mu
}

// A yieldingConn is one connection of a yieldingListener.
type yieldingConn struct {
	net.Conn
	l     *yieldingListener
	place *list.Element // nil once closed; guarded by mu of l
}

// Accept implements [net.Listener].
func (l *yieldingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &yieldingConn{Conn: nc, l: l}
	if oldest := l.add(c); oldest != nil {
		_ = oldest.Close()
	}
	return c, nil
}

// add notes a connection, and returns the oldest one if it has to be closed.
func (l *yieldingListener) add(c *yieldingConn) (oldest *yieldingConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open.Len() == l.limit {
		oldest = l.open.Front().Value.(*yieldingConn)
	}
	c.place = l.open.PushBack(c)
	return oldest
}

// Close implements [net.Conn].
func (c *yieldingConn) Close() error {
	c.l.mu.Lock()
	if c.place != nil {
		c.l.open.Remove(c.place)
		c.place = nil
	}
	c.l.mu.Unlock()
	return c.Conn.Close()
}
