//go:build !linux

package systemd

// monotonic is for Linux, where there is systemd.
func monotonic() int64 { return 0 }
