package osfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// PlaceOf is what the system calls a file, and no copy of it: its number in the file system,
// and when that was given to it, where the file system knows. Both outlast a restart of the
// machine, which the number of the file system does not everywhere.
func PlaceOf(f *os.File) (string, error) {
	var s unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &s)
	if err != nil { // an old kernel, or a sandbox
		var old unix.Stat_t
		if err := unix.Fstat(int(f.Fd()), &old); err != nil {
			return "", err
		}
		return fmt.Sprintf("%d", old.Ino), nil
	}
	if s.Mask&unix.STATX_BTIME == 0 {
		return fmt.Sprintf("%d", s.Ino), nil
	}
	return fmt.Sprintf("%d at %d.%09d", s.Ino, s.Btime.Sec, s.Btime.Nsec), nil
}
