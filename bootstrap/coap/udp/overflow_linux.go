package udp

import (
	"encoding/binary"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// overflowSize is room for the control message that overflows reads.
var overflowSize = unix.CmsgSpace(4)

// askForOverflows makes the kernel tell how many datagrams it dropped as the buffer was full (socket(7)
// SO_RXQ_OVFL).
func askForOverflows(uc *net.UDPConn) error {
	raw, err := uc.SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1); err != nil {
			optErr = fmt.Errorf("ask for overflows: %w", err)
		}
	})
	if err != nil {
		return err
	}
	return optErr
}

// overflows returns how many datagrams the socket had lost when the one with these control
// messages came, modulo 2^32; zero where they do not say, as before the first.
func overflows(control []byte) uint32 {
	for len(control) > 0 {
		h, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return 0
		}
		if h.Level == unix.SOL_SOCKET && h.Type == unix.SO_RXQ_OVFL && len(data) >= 4 {
			return binary.NativeEndian.Uint32(data)
		}
		control = rest
	}
	return 0
}
