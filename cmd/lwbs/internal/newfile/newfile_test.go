package newfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A new file is for its owner only, and is whole or not there; what is there already stays, a link too.
func TestWrite(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new")
	err := Write(file, "--out", func(w io.Writer) error {
		_, err := io.WriteString(w, "half")
		return errors.Join(err, errors.New("the disk is full"))
	})
	if _, gone := os.Lstat(file); err == nil || !errors.Is(gone, fs.ErrNotExist) {
		t.Errorf("a file that is not whole: %v, %v", err, gone)
	}
	whole := func(text string) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		}
	}
	if err := Write(file, "--out", whole("text")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	link := file + ".link"
	if err := os.Symlink(file+".nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, there := range []string{file, link} {
		if err := Write(there, "--out", whole("other")); err == nil || !strings.HasSuffix(err.Error(), " exists, and is not replaced: give --out another name") {
			t.Errorf("%s: %v", there, err)
		}
		if _, err := Create(there); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", there, err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "text" {
		t.Errorf("the file has %q, %v", text, err)
	}
}
