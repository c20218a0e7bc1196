package command

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"lwbs/bootstrap/admin/socket"
)

// maxSockets is how many lines of the kernel's list of sockets are read.
const maxSockets = 100_000

// othersRunning says which servers with other databases seem to run on this machine, if --db was
// not given. It is empty where there are none, or where the system has no list of sockets.
func othersRunning(c *cli.Context) string {
	if c.IsSet("db") {
		return ""
	}
	sockets, err := os.Open("/proc/net/unix") // of Linux
	if err != nil {
		return ""
	}
	defer sockets.Close()
	databases := databasesOf(sockets, DatabaseFile(c))
	if len(databases) == 0 {
		return ""
	}
	return "a server seems to run with another database: is it --db " + strings.Join(databases, " or --db ") + "?"
}

// databasesOf returns the databases of the servers in a list of sockets (proc(5)), without own.
func databasesOf(list io.Reader, own string) (databases []string) {
	const listens = "00010000" // __SO_ACCEPTCON
	lines := bufio.NewScanner(list)
	for n := 0; n < maxSockets && lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) != 8 || fields[3] != listens {
			continue
		}
		folder, ok := socket.FolderOf(fields[7])
		if !ok {
			continue
		}
		for _, d := range databasesIn(folder) {
			if !sameFile(d, own) && !slices.Contains(databases, d) {
				databases = append(databases, d)
			}
		}
	}
	return databases
}

// databasesIn returns the databases of a folder that have an admin socket beside them; for a folder
// that cannot be read a placeholder.
func databasesIn(folder string) (databases []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return []string{filepath.Join(folder, "FILE")}
	}
	for _, e := range entries {
		database, ok := strings.CutSuffix(filepath.Join(folder, e.Name()), ".sock")
		if !ok || e.Type()&fs.ModeSocket == 0 {
			continue
		}
		if info, err := os.Stat(database); err == nil && info.Mode().IsRegular() {
			databases = append(databases, database)
		}
	}
	return databases
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return a == b || err1 == nil && err2 == nil && os.SameFile(x, y)
}
