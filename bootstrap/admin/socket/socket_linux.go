package socket

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// listenPrivately makes the socket under a name in a folder of its own, whose mode
// keeps others out from the start, and then moves it: so there is no moment at which
// it has the mode of the umask.
func listenPrivately(file string) (net.Listener, error) {
	if path, err := filepath.Abs(file); err == nil {
		file = path // as others then see it in the kernel's list; see FolderOf
	}
	dir, err := os.MkdirTemp(filepath.Dir(file), folderPrefix+"*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path, done, err := short(filepath.Join(dir, "s"))
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(filepath.Join(dir, "s"), 0o600); err != nil {
		l.Close()
		return nil, err
	}
	if err := os.Rename(filepath.Join(dir, "s"), file); err != nil {
		l.Close()
		return nil, err
	}
	return unlinking{l, file}, nil
}

// unlinking removes the socket's file when it is closed.
type unlinking struct {
	net.Listener
	file string
}

func (u unlinking) Close() error {
	_ = os.Remove(u.file)
	return u.Listener.Close()
}

// maxSocketPath is the longest path of a socket, in bytes (unix(7)).
const maxSocketPath = 107

// short is a path to the socket in file that is no longer than that, by way of its folder
// if need be; until done is called.
func short(file string) (path string, done func(), err error) {
	if len(file) <= maxSocketPath {
		return file, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(file))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(file)), func() { dir.Close() }, nil
}

// Dial connects to the socket in file.
func Dial(ctx context.Context, file string) (net.Conn, error) {
	path, done, err := short(file)
	if err != nil {
		return nil, err
	}
	defer done()
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

// PeerOf asks the kernel who is at the other end.
func PeerOf(c net.Conn) Caller {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Caller{-1, -1}
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Caller{-1, -1}
	}
	who := Caller{-1, -1}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			who = Caller{int(cred.Uid), int(cred.Pid)}
		}
	})
	return who
}
