package systemd

import (
	"net"
	"path/filepath"
	"regexp"
	"testing"
)

// A service manager is told over the socket that it names; without one nothing happens.
func TestNotify(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify(Ready); err != nil {
		t.Errorf("without a service manager: %v", err)
	}
	name := filepath.Join(t.TempDir(), "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Skip(err) // this system has no such sockets
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", name)
	b := make([]byte, 200)
	for message, want := range map[string]string{Ready: "^READY=1$", Stopping: "^STOPPING=1$", Reloading(): "^RELOADING=1\nMONOTONIC_USEC=[0-9]+$"} {
		if err := Notify(message); err != nil {
			t.Fatal(err)
		}
		n, err := manager.Read(b)
		if err != nil || !regexp.MustCompile(want).Match(b[:n]) {
			t.Errorf("%q, %v; want %s", b[:n], err, want)
		}
	}
	manager.Close()
	if err := Notify(Ready); err == nil {
		t.Error("a manager that is gone is no error")
	}
}
