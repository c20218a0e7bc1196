package command

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/bootstrap/admin/socket"
)

// The list of sockets is read as the kernel writes it, and what is not of lwbs is passed over.
func TestDatabasesOf(t *testing.T) {
	dir := t.TempDir()
	l, err := socket.Listen(filepath.Join(dir, "fleet.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, name := range []string{"fleet", "other"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line := "00000000279f08b2: 00000002 00000000 %s 0001 01 4137240 %s\n"
	list := "Num       RefCount Protocol Flags    Type St Inode Path\n" +
		fmt.Sprintf(line, "00010000", "/run/docker.sock") +
		fmt.Sprintf(line, "00010000", "@/.lwbs-1/s") +
		fmt.Sprintf(line, "00000000", filepath.Join(dir, ".lwbs-1/s")) + // a connection
		"0000: nonsense\n" + fmt.Sprintf(line, "00010000", filepath.Join(dir, ".lwbs-1/s"))
	if got := strings.Join(databasesOf(strings.NewReader(list), "/elsewhere"), " "); got != filepath.Join(dir, "fleet") {
		t.Errorf("found %q", got)
	}
	if got := databasesOf(strings.NewReader(list), filepath.Join(dir, "fleet")); len(got) != 0 {
		t.Errorf("found itself: %q", got)
	}
}
