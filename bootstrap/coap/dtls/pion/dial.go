package pion

import (
	"context"
	"net"

	"lwbs/bootstrap/coap/udp"
)

// Dial opens a DTLS association with the server at addr, from local unless that is empty,
// and returns after the handshake.
func Dial(ctx context.Context, addr, local string, cfg Client) (net.Conn, error) {
	nc, err := udp.Dial(ctx, addr, local)
	if err != nil {
		return nil, err
	}
	return Connect(ctx, Connected{nc}, nc.RemoteAddr(), cfg)
}

// A Connected is a socket with one peer as the [net.PacketConn] that pion wants.
type Connected struct{ *net.UDPConn }

// WriteTo implements [net.PacketConn], whatever the address.
func (c Connected) WriteTo(b []byte, _ net.Addr) (int, error) { return c.Write(b) }
