package coap

import (
	"context"
	"errors"
	"fmt"
	"net"

	"lwbs/bootstrap"
)

// DialUDP opens an association with the server at addr, such as "192.0.2.1:5683". It
// succeeds whether or not anybody is there. Close ends it; its goroutine is gone
// shortly after.
func DialUDP(ctx context.Context, addr string, cfg DialConfig) (bootstrap.Conn, error) {
	full, err := cfg.listenConfig().withDefaults()
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	nc, err := dialSocket(ctx, addr, cfg.Local)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	h := newHub(full)
	peer := bootstrap.Peer{Remote: nc.RemoteAddr().String(), Transport: "coap"}
	c := h.newConn(withTap(&dialledLink{hub: h, socket: nc}, cfg.Tap), peer)
	h.spawn(func() { readDialled(h, nc, c) })
	return c, nil
}

// A dialledLink is a connected socket with one conn.
type dialledLink struct {
	hub    *hub
	socket net.Conn
}

// send implements [link].
func (l *dialledLink) send(b []byte) error {
	_, err := l.socket.Write(b)
	return err
}

// close implements [link]. The hub has no other conn.
func (l *dialledLink) close() error {
	l.hub.cancel()
	return l.socket.Close()
}

// readDialled passes datagrams to c until its socket is closed. That nobody listens at
// the other end, which a connected socket is told, may change any moment.
func readDialled(h *hub, socket net.Conn, c *conn) {
	buf := make([]byte, maxUDP)
	for {
		n, err := socket.Read(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			h.cfg.Logger.Debug("read failed", "remote", c.peer.Remote, "err", err)
			h.pause(errorPause)
		case admits(c.link, buf[:n]):
			c.hub.counters.dropped.add(c.deliver(buf[:n]))
		}
	}
}
