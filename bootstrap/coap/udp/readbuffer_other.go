//go:build !linux

package udp

import "net"

// setReadBuffer sets the receive buffer of a socket, in bytes.
func setReadBuffer(uc *net.UDPConn, size int) error { return uc.SetReadBuffer(size) }
