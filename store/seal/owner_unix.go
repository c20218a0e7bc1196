//go:build unix

package seal

import (
	"io/fs"
	"syscall"
)

// ownerOf is the user whose file it is; negative where that is not known.
func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}
