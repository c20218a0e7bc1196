package udp

import (
	"net"

	"golang.org/x/sys/unix"
)

// setReadBuffer sets the receive buffer of a socket, in bytes. The kernel gives at most
// net.core.rmem_max, unless this process may administer the network (socket(7),
// SO_RCVBUFFORCE): that is tried, and it is no error that it may not.
func setReadBuffer(uc *net.UDPConn, size int) error {
	if err := uc.SetReadBuffer(size); err != nil {
		return err
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	})
}
