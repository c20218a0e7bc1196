//go:build !linux

package admin

import (
	"context"
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

// dialSocket connects to the socket in file.
func dialSocket(ctx context.Context, file string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", file)
}

func peerOf(net.Conn) caller { return caller{-1, -1} }
