package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrRunning is returned by Listen when a server answers on the socket already.
var ErrRunning = errors.New("a server is running already")

// dialTimeout bounds the question whether anybody answers on a socket.
const dialTimeout = time.Second

// Listen opens the Unix socket in file, which only its owner may use. A socket that a
// dead server left behind is removed; one that is answered is not.
func Listen(file string) (net.Listener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialTimeout)
	defer cancel()
	c, err := dialSocket(ctx, file)
	switch {
	case err == nil:
		return nil, errors.Join(fmt.Errorf("admin socket %s: %w", file, ErrRunning), c.Close())
	case errors.Is(err, syscall.EINVAL): // the system says no more
		return nil, fmt.Errorf("admin socket %s: the path is too long for a socket: name a shorter one with --admin unix:PATH", file)
	}
	if info, err := os.Lstat(file); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("admin socket %s: a file of this name exists that is no socket", file)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	l, err := listenPrivately(file)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	return l, nil
}

// folderPrefix is how the folder begins in which a socket is made, before it is moved.
const folderPrefix = ".lwbs-"

// FolderOfSocket is the folder of an admin socket by the path that the kernel tells of it, and
// whether it is one.
func FolderOfSocket(path string) (folder string, ok bool) {
	made := filepath.Dir(path)
	return filepath.Dir(made), filepath.IsAbs(path) && filepath.Base(path) == "s" && strings.HasPrefix(filepath.Base(made), folderPrefix)
}

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

// A caller is the process at the other end of the socket.
type caller struct{ UID, PID int }

type callerKey struct{}

func withCaller(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, callerKey{}, peerOf(c))
}

// callerOf is who sent a request; -1 where that is not known.
func callerOf(ctx context.Context) caller {
	if c, ok := ctx.Value(callerKey{}).(caller); ok {
		return c
	}
	return caller{-1, -1}
}
