package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"lwbs/bootstrap/admin/socket"
)

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

type callerKey struct{}

func withCaller(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, callerKey{}, socket.PeerOf(c))
}

// callerOf is who sent a request; -1 where that is not known.
func callerOf(ctx context.Context) socket.Caller {
	if c, ok := ctx.Value(callerKey{}).(socket.Caller); ok {
		return c
	}
	return socket.Caller{UID: -1, PID: -1}
}
