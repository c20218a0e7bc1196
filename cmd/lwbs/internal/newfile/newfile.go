// Package newfile makes files that do not exist yet. Only their owner may read and write them (0600): they
// may have keys in them.
package newfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"lwbs/cmd/lwbs/internal/output"
)

// Create creates the file. Where there is one of that name, a link included, it fails with an error that
// is [fs.ErrExist], and leaves it as it is.
func Create(file string) (*os.File, error) {
	return os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
}

// Write creates the file, which option has named, and has write write it. A file that cannot be written to
// its end is removed.
func Write(file, option string, write func(io.Writer) error) error {
	f, err := Create(file)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists, and is not replaced: give %s another name", output.Text(file), option)
	}
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}
