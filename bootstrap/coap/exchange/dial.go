package exchange

import (
	"errors"
	"io"
	"net"

	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// Dial returns the conn over a connected socket, which may be of UDP or DTLS and whose
// datagrams have at most size bytes. t may be nil. The goroutine is of g, and gone shortly after
// the conn has been closed.
func Dial(socket net.Conn, size int, peer auth.Peer, cfg Config, g *tasks.Group, t Tap) *Conn {
	h := NewHub(cfg, g, new(traffic.Meter), nil)
	c := h.NewConn(withTap(&dialledLink{tasks: g, socket: socket}, t), peer, "")
	g.Go(func() { c.read(socket, size) })
	return c
}

// A dialledLink is a connected socket with one conn.
type dialledLink struct {
	tasks  *tasks.Group
	socket net.Conn
}

// Send implements [Link].
func (l *dialledLink) Send(b []byte) error {
	_, err := l.socket.Write(b)
	return err
}

// Close implements [Link]. The group has no other conn.
func (l *dialledLink) Close() error {
	l.tasks.Cancel()
	return l.socket.Close()
}

// read passes datagrams to c until the socket is closed, or the association has ended. Another
// error, such as that no one listens at the other end, may pass.
func (c *Conn) read(socket net.Conn, size int) {
	buf := make([]byte, size)
	for {
		n, err := socket.Read(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case errors.Is(err, io.EOF):
			c.HangUp()
			return
		case err != nil:
			c.hub.cfg.Logger.Debug("read failed", "remote", c.peer.Remote, "err", err)
			c.hub.Tasks.Pause(udp.ErrorPause)
		case tapIn(c.link, buf[:n]):
			c.hub.Meter.Dropped.Add(c.Deliver(buf[:n]))
		}
	}
}
