package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"lwbs/cmd/lwbs/internal/clitest"
)

func TestMonitor(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve("--metrics", ":0")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	if !strings.HasPrefix(sh.metrics, "http://127.0.0.1:") {
		t.Fatalf("without a host it is at %s", sh.metrics)
	}
	sh.ok("device add dev-1 --profile meter --psk generate")
	for _, test := range []struct {
		method, path string
		status       int
		want         string
	}{
		{"GET", "/metrics", 200, "\nlwbs_sessions_active 0\n"},
		{"GET", "/metrics", 200, `lwbs_store_duration_seconds_count{op="put_device",result="done"} 1`},
		{"GET", "/healthz", 200, "ok\n"},
		{"GET", "/readyz", 200, "ok\n"},
		{"POST", "/metrics", 404, "GET of /metrics"},
		{"GET", "/v1/devices", 404, "administered over its Unix socket"},
		{"DELETE", "/v1/devices/dev-1", 404, "administered over its Unix socket"},
	} {
		status, text := clitest.Ask(t, test.method, sh.metrics+test.path)
		if status != test.status || !strings.Contains(text, test.want) {
			t.Errorf("%s %s: status %d, no %q in\n%s", test.method, test.path, status, test.want, text)
		}
	}
}

func TestMonitorAddresses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for addr, want := range map[string]struct {
		status int
		text   string
	}{
		"9684":                {exitUsage, `--metrics "9684" is not an address`},
		taken.Addr().String(): {exitFailed, "the port is in use by another program"},
		"192.0.2.1:9684":      {exitFailed, "metrics at 192.0.2.1:9684"},
	} {
		t.Run(addr, func(t *testing.T) {
			sh := newShell(t)
			status, _, errs := sh.run("serve --coaps 127.0.0.1:0 --metrics " + addr)
			if status != want.status || !strings.Contains(errs, want.text) {
				t.Errorf("status %d, %q; want %q", status, errs, want.text)
			}
		})
	}
}

// Connections that are held open keep no watcher out: neither those that ask for nothing, nor those
// that do not read what they asked for.
func TestMonitorWhileConnectionsAreHeld(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.serve("--metrics", ":0")
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	for i := range 2 * 64 {
		c, err := net.Dial("tcp", strings.TrimPrefix(sh.metrics, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			if _, err := io.WriteString(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 100)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if status, text := clitest.Ask(t, "GET", sh.metrics+"/metrics"); status != 200 || !strings.Contains(text, "lwbs_sessions_active 0") {
		t.Errorf("a watcher is answered %d", status)
	}
}
