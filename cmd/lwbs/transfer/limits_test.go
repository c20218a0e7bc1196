package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// A file of more than 1 GiB is refused before it is read. One as large is read, for which the test has no
// memory; a large one that is no text is refused for that.
func TestBytesOfAnImportedFile(t *testing.T) {
	c := cli.NewContext(&cli.App{Reader: strings.NewReader("")}, nil, nil)
	c.Context = t.Context()
	file := filepath.Join(t.TempDir(), "data.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int64]string{1<<30 + 1: "has more than 1073741824 bytes", 1 << 20: ""} {
		if err := os.Truncate(file, size); err != nil { // it takes no room on the disk
			t.Fatal(err)
		}
		_, err := importFile(c, file)
		if err == nil != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d bytes: %v, want %q", size, err, want)
		}
	}
}
