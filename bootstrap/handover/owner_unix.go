//go:build unix

package handover

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file the owner and the group of the one that it replaces, so that who read that
// can read this.
func keepOwner(file *os.File, old fs.FileInfo) error {
	is, err := file.Stat()
	if err != nil {
		return err
	}
	was, known := old.Sys().(*syscall.Stat_t)
	now, same := is.Sys().(*syscall.Stat_t)
	if !known || !same || was.Uid == now.Uid && was.Gid == now.Gid {
		return nil
	}
	if was.Uid == now.Uid {
		err = file.Chown(-1, int(was.Gid))
	} else {
		err = file.Chown(int(was.Uid), int(was.Gid))
	}
	if err != nil {
		return fmt.Errorf("it is of user %d and group %d, and lwbs may not make files of these: let it be of the user that runs lwbs, and of a group that this user is in", was.Uid, was.Gid)
	}
	return nil
}
