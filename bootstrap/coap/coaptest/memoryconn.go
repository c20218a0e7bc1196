package coaptest

import (
	"net"
	"net/netip"
	"sync"
)

// A MemoryConn is a UDP socket of a network that exists in memory only, for tests with the
// clock of [testing/synctest]. It receives nothing: the test passes datagrams on itself.
type MemoryConn struct {
	write  func(b []byte, to netip.AddrPort)
	once   sync.Once
	closed chan struct{}
}

// NewMemoryConn returns a MemoryConn that calls write for what is sent.
func NewMemoryConn(write func(b []byte, to netip.AddrPort)) *MemoryConn {
	return &MemoryConn{write: write, closed: make(chan struct{})}
}

// ReadMsgUDPAddrPort waits for Close.
func (c *MemoryConn) ReadMsgUDPAddrPort(_, _ []byte) (n, nc, flags int, from netip.AddrPort, err error) {
	<-c.closed
	return 0, 0, 0, netip.AddrPort{}, net.ErrClosed
}

// WriteMsgUDPAddrPort passes b to the function of the test.
func (c *MemoryConn) WriteMsgUDPAddrPort(b, _ []byte, to netip.AddrPort) (n, nc int, err error) {
	c.write(b, to)
	return len(b), 0, nil
}

// LocalAddr is 127.0.0.1:5684.
func (c *MemoryConn) LocalAddr() net.Addr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5684}
}

// Close ends every read.
func (c *MemoryConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}
