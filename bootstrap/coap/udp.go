package coap

import (
	"context"
	"errors"

	"lwbs/bootstrap"
)

// ListenUDP listens for plain CoAP on addr, such as "127.0.0.1:5683".
func ListenUDP(addr string, cfg Config) (*Listener, error) {
	return nil, errors.ErrUnsupported
}

// DialUDP opens an association with the server at addr.
func DialUDP(ctx context.Context, addr string, cfg DialConfig) (bootstrap.Conn, error) {
	return nil, errors.ErrUnsupported
}
