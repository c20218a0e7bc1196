// Package systemd tells a service manager what a service does: sd_notify(3), for units of Type=notify.
package systemd

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// What a service tells.
const (
	Ready    = "READY=1" // it has started, or a reload has ended
	Stopping = "STOPPING=1"
)

// Reloading tells that the configuration is being read again. [Ready] follows when that has ended.
func Reloading() string { return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", monotonic()) }

// Notify sends a message to the service manager that started this process, and does nothing where none did.
func Notify(message string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if abstract, ok := strings.CutPrefix(name, "@"); ok {
		name = "\x00" + abstract
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(message)); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}
