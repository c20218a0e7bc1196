//go:build !linux

package admin

import (
	"net"
	"os"
)

func listenPrivately(file string) (net.Listener, error) {
	l, err := net.Listen("unix", file)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(file, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func peerOf(net.Conn) caller { return caller{-1, -1} }
