//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package osfile

import (
	"os"
	"time"
)

// Lock leaves the lock to bbolt.
func Lock(*os.File, bool, time.Duration) error { return nil }
