package bootstrap

import (
	"context"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Server is the Bootstrap-Server: it answers Bootstrap-Requests and bootstraps the
// clients that may be. Its methods may be called concurrently.
type Server struct {
	cfg Config
}

// NewServer returns a Server, which runs until it is closed. Its error names every
// mistake in cfg.
func NewServer(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Server{cfg: cfg}, nil
}

// ServeRequest is the [Handler] of the listeners.
func (srv *Server) ServeRequest(ctx context.Context, conn Conn, r Request) (Response, func(context.Context)) {
	return Response{Code: lwm2m.CodeNotFound}, nil
}

// PSK returns the key of a PSK identity, for the handshake.
func (srv *Server) PSK(identity string) (lwm2m.Secret, bool) { return lwm2m.Secret{}, false }

// HandshakeFailed records a DTLS handshake that did not complete.
func (srv *Server) HandshakeFailed(h Handshake) {}

// Active returns the sessions that are running, as they stand, oldest first.
func (srv *Server) Active() []store.Session { return nil }

// Drain refuses new sessions from now on and waits for the running ones. Its error
// is that of ctx where they took longer.
func (srv *Server) Drain(ctx context.Context) error { return nil }

// Close ends what is running and waits for it.
func (srv *Server) Close() error { return nil }
