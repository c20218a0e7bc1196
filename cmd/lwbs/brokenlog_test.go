package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// startWithLog is start for a server whose log goes into a pipe, of which it returns the end to
// read from.
func (sh *shell) startWithLog() (p *serverProcess, log *os.File) {
	sh.t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		sh.t.Fatal(err)
	}
	defer w.Close()
	sh.t.Cleanup(func() { r.Close() })
	return sh.startTo(w), r
}

// ask is the answer to a request over the admin socket, which must come soon.
func (sh *shell) ask(method, path string) string {
	sh.t.Helper()
	ctx, cancel := context.WithTimeout(sh.t.Context(), patience)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", sh.path("x.db.sock"))
		},
	}}
	r, err := http.NewRequestWithContext(ctx, method, "http://lwbs"+path, nil)
	if err != nil {
		sh.t.Fatal(err)
	}
	resp, err := client.Do(r)
	if err != nil {
		sh.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		sh.t.Fatal(err)
	}
	return resp.Status + "\n" + string(b)
}

// A log that is not read keeps no device from being served: records are dropped, the readiness
// and the metrics say so, the log does when it is read again, and SIGTERM ends the server.
func TestLogThatIsNotRead(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add a --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	server, log := sh.startWithLog()
	if got := sh.ask("GET", "/readyz"); got != "200 OK\nok\n" {
		t.Errorf("/readyz answers %q before", got)
	}
	long := "/v1/devices/" + strings.Repeat("x", 8000) // which the log repeats
	blocked := func() bool { return strings.Contains(sh.ask("GET", "/readyz"), "the log is not read") }
	for deadline := time.Now().Add(patience); !blocked(); {
		if time.Now().After(deadline) {
			t.Fatal("/readyz does not tell")
		}
		for range 50 {
			sh.ask("DELETE", long)
		}
	}
	if got := sh.ask("GET", "/readyz"); !strings.HasPrefix(got, "200 OK\nok, but the log is not read: ") {
		t.Errorf("/readyz answers %q", got)
	}
	if got := sh.ask("GET", "/metrics"); !strings.Contains(got, "\nlwbs_log_records_dropped_total ") || strings.Contains(got, "\nlwbs_log_records_dropped_total 0\n") {
		t.Error("the metrics do not tell of what is dropped")
	}
	if _, err := sh.bootstrap("a", rightKey); err != nil {
		t.Errorf("the device is told %v", err)
	}
	told, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if strings.Contains(lines.Text(), "log records dropped, since the log was not read") {
				close(told)
				break
			}
		}
		_, _ = io.Copy(io.Discard, log)
	}()
	select {
	case <-told:
	case <-ended:
		t.Error("the log does not tell of what was dropped")
	case <-time.After(patience):
		t.Error("the log does not tell of what was dropped while the server runs")
	}
	server.signal(t)
	server.end(t)
	<-ended
}

// SIGTERM ends the server while the log is not read, too.
func TestEndWhileTheLogIsNotRead(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	server, _ := sh.startWithLog()
	long := "/v1/devices/" + strings.Repeat("x", 8000)
	for range 20 { // more than the pipe has room for
		sh.ask("DELETE", long)
	}
	server.signal(t)
	server.end(t)
}

// A reader of the log that has gone does not take the server with it.
func TestLogWhoseReaderHasGone(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add a --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	server, log := sh.startWithLog()
	log.Close()
	for range 3 {
		sh.ask("DELETE", "/v1/devices/unknown")
		if _, err := sh.bootstrap("a", rightKey); err != nil {
			t.Errorf("the device is told %v", err)
		}
	}
	for deadline := time.Now().Add(patience); !strings.Contains(sh.ask("GET", "/readyz"), "the log is not read"); {
		if time.Now().After(deadline) {
			t.Fatal("/readyz does not tell")
		}
	}
	server.signal(t)
	server.end(t)
}
