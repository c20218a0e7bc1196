package serve

import (
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/client"
	"lwbs/bootstrap/admin/socket"
	"lwbs/cmd/lwbs/internal/clitest"
)

// While a server reads a database that was not closed in order, it is alive and not ready, and
// everybody who asks is told how far that is.
func TestOpeningIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db.sock")
	listener, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	watched, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := "http://" + watched.Addr().String()
	var log clitest.Log
	answers := serveStartup(t.Context(), httpListeners{admin: listener, metrics: watched}, slog.New(slog.NewTextHandler(&log, nil)))
	defer func() {
		if err := answers.close(); err != nil {
			t.Error(err)
		}
	}()
	if status, text := clitest.Ask(t, "GET", at+"/readyz"); status != 503 || text != "the database is being opened\n" {
		t.Errorf("/readyz at first: %d %s", status, text)
	}
	progress := answers.options().Progress
	for _, read := range []int64{0, 30 << 20, 60 << 20} {
		if !progress(read, 120<<20) {
			t.Error("the reading is to end")
		}
	}
	const told = "the database was not closed in order, and is being read: 50 % of 125829120 bytes\n"
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503, "/metrics": 503} {
		if status, text := clitest.Ask(t, "GET", at+path); status != want || status == 503 && text != told {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if api, err := client.Dial(t.Context(), path); err != nil {
		t.Error(err)
	} else {
		_, err := api.Devices(t.Context(), admin.DeviceQuery{})
		if !errors.Is(err, admin.ErrStarting) || err.Error()+"\n" != "the server is starting: "+told {
			t.Errorf("a command: %v", err)
		}
		api.Close()
	}
	answers.opened()
	text := log.String()
	if strings.Count(text, "is being read") != 1 || !strings.Contains(text, "bytes=125829120") || strings.Count(text, "the database is open") != 1 {
		t.Errorf("the log: %s", text)
	}
}

// A database that is read at once is not worth a word.
func TestShortOpeningIsNotTold(t *testing.T) {
	var log clitest.Log
	f := &startup{log: slog.New(slog.NewTextHandler(&log, nil))}
	f.progress(1<<20, 2<<20)
	f.opened()
	if log.String() != "" {
		t.Errorf("the log: %s", log.String())
	}
}
