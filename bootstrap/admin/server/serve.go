package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/socket"
)

// MaxStreams is how many requests are under way over one connection of HTTP/2. Connections are limited, and each request
// takes memory.
const MaxStreams = 64

// Serve answers on l until ctx ends. What is under way then has a second to end. An answer may
// take answerTime from its request on, to its last byte; zero stands for as long as it takes,
// which events and backups need.
func Serve(ctx context.Context, l net.Listener, h http.Handler, answerTime time.Duration, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      answerTime,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: MaxStreams},
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return withCaller(ctx, c) },
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	last, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	err := s.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.Close()
	}
	<-ended
	return err
}

// withCaller returns the context of a connection. Who comes over the admin socket is an administrator: only the user of
// the server, and root, can open it.
func withCaller(ctx context.Context, c net.Conn) context.Context {
	if _, ok := c.(*net.UnixConn); !ok {
		return ctx
	}
	return access.With(ctx, socketPrincipal(socket.PeerOf(c)))
}

// socketPrincipal is who is at the other end of the admin socket.
func socketPrincipal(caller socket.Caller) access.Principal {
	p := access.Principal{Name: socket.UserName(caller.UID), Role: access.Admin, Way: access.WaySocket}
	if caller.PID >= 0 {
		p.Address = fmt.Sprintf("pid %d", caller.PID)
	}
	return p
}
