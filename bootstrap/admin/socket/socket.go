// Package socket opens the Unix socket of the admin API, for its owner only, connects to it, and
// tells which process is at the other end.
package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrRunning is returned by Listen when a server answers on the socket already.
var ErrRunning = errors.New("a server is running already")

// DialTimeout bounds the question whether anybody answers on a socket.
const DialTimeout = time.Second

// Listen opens the Unix socket in file, which only its owner may use. A socket that a
// dead server left behind is removed; one that is answered is not.
func Listen(file string) (net.Listener, error) {
	ctx, cancel := context.WithTimeout(context.Background(), DialTimeout)
	defer cancel()
	c, err := Dial(ctx, file)
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

// FolderOf is the folder of an admin socket by the path that the kernel tells of it, and
// whether it is one.
func FolderOf(path string) (folder string, ok bool) {
	made := filepath.Dir(path)
	return filepath.Dir(made), filepath.IsAbs(path) && filepath.Base(path) == "s" && strings.HasPrefix(filepath.Base(made), folderPrefix)
}

// A Caller is the process at the other end of the socket; -1 where that is not known.
type Caller struct{ UID, PID int }

// UserName is the name of a user of the operating system; "uid 1000" where it is not known.
func UserName(uid int) string {
	if uid < 0 {
		return "unknown"
	}
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", uid)
}
