//go:build unix

package simulate

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// spareFiles is how many files and sockets the process needs besides those of the devices.
const spareFiles = 64

// raiseFileLimit sees that the process may have so many sockets. Its error says how they may be had.
func raiseFileLimit(sockets int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil // then a device without a socket tells
	}
	need := uint64(sockets + spareFiles)
	if uint64(limit.Cur) >= need {
		return nil
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err == nil && uint64(limit.Cur) >= need {
		return nil
	}
	return fmt.Errorf("%d devices at once need as many sockets, and this process may have %d files: raise that (ulimit -Hn %d as root, or LimitNOFILE of the service), or let fewer come with --rate or --count", sockets, limit.Max, need)
}
