package coap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"

	"lwbs/bootstrap"
)

// DialDTLS opens an association with the server at addr, such as "192.0.2.1:5684". It
// returns after the handshake; with a wrong key no server answers, so that the error is
// that of ctx. Close ends the association; its goroutines are gone shortly after.
func DialDTLS(ctx context.Context, addr string, cfg DialConfig) (bootstrap.Conn, error) {
	c, err := dialDTLS(ctx, addr, cfg)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", addr, err)
	}
	return c, nil
}

func dialDTLS(ctx context.Context, addr string, cfg DialConfig) (*conn, error) {
	full, err := cfg.listenConfig().withDefaults()
	if cfg.Certificate == nil && (cfg.Identity == "" || cfg.Key.IsZero()) {
		err = errors.Join(err, fmt.Errorf("%w: Identity or Key is missing, and there is no Certificate", ErrConfig))
	}
	if cfg.OwnCID < 0 || cfg.OwnCID > math.MaxUint8 {
		err = errors.Join(err, fmt.Errorf("%w: OwnCID %d is not within 0 to 255", ErrConfig, cfg.OwnCID))
	}
	if err != nil {
		return nil, err
	}
	nc, err := dialSocket(ctx, addr, cfg.Local)
	if err != nil {
		return nil, err
	}
	secure, err := connect(ctx, connected{nc}, nc.RemoteAddr(), cfg)
	if err != nil {
		return nil, err
	}
	h := newHub(full)
	peer := bootstrap.Peer{Remote: nc.RemoteAddr().String(), Transport: "coaps", Identity: cfg.Identity}
	c := h.newConn(withTap(&dialledLink{hub: h, socket: secure}, cfg.Tap), peer)
	h.spawn(func() { readSecure(secure, c) })
	return c, nil
}

// readSecure passes datagrams to c until the association ends.
func readSecure(secure net.Conn, c *conn) {
	buf := make([]byte, maxRecords)
	for {
		n, err := secure.Read(buf)
		switch {
		case errors.Is(err, io.EOF):
			c.hangUp()
			return
		case err != nil:
			c.hub.cfg.Logger.Debug("read failed", "remote", c.peer.Remote, "err", err)
		case admits(c.link, buf[:n]):
			c.hub.counters.dropped.add(c.deliver(buf[:n]))
		}
	}
}

// A connected is a socket with one peer as the [net.PacketConn] that pion wants.
type connected struct{ *net.UDPConn }

// WriteTo implements [net.PacketConn], whatever the address.
func (c connected) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }
