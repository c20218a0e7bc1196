//go:build interop

package interop_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// An operator has a database of its own, a server that runs on it, and the commands.
type operator struct {
	db  string
	uri map[string]string // of the server, by scheme
}

// serve starts a server with further options; it must end well when the test does.
func serve(t *testing.T, options ...string) operator {
	t.Helper()
	o := operator{db: filepath.Join(t.TempDir(), "lwbs.db"), uri: make(map[string]string)}
	p := start(t, "lwbs serve", exec.Command(command, append([]string{"--db", o.db, "serve", "--coap", "127.0.0.1:0", "--coaps", "127.0.0.1:0", "--log", "debug"}, options...)...))
	p.tidy = true
	p.awaitLine(t, "admin socket", func(line string) bool {
		if uri, ok := strings.CutPrefix(line, "listening on "); ok {
			scheme, _, _ := strings.Cut(uri, ":")
			o.uri[scheme] = uri
		}
		return strings.HasPrefix(line, "administered at ")
	})
	return o
}

// run runs a command, which must succeed, and returns what it printed.
func (o operator) run(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(command, append([]string{"--db", o.db}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("lwbs %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

// runJSON runs a command with --json, and reads its answer into v.
func (o operator) runJSON(t *testing.T, v any, args ...string) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.run(t, append(args, "--json")...)), v); err != nil {
		t.Fatalf("lwbs %s --json: %v", strings.Join(args, " "), err)
	}
}

// apply makes the profile "meter": one account at the server with this URI, and lines
// of its own.
func (o operator) apply(t *testing.T, uri string, more ...string) {
	t.Helper()
	lines := append([]string{
		"name: meter",
		"accounts:",
		"  - name: main",
		"    uri: " + uri,
		"    shortServerID: 101",
		"    lifetime: 1h",
		"    binding: U",
	}, more...)
	o.run(t, "profile", "apply", "-f", writeFile(t, "meter.yaml", strings.Join(lines, "\n")+"\n"))
}

// add adds a device with the profile "meter". Where d has no identity, it may come over
// plain CoAP.
func (o operator) add(t *testing.T, d device) {
	t.Helper()
	args := []string{"--profile", "meter", "--no-sec"}
	switch {
	case d.ca != "":
		args = []string{"--profile", "meter", "--certificate-name", d.endpoint}
	case d.identity != "":
		args = []string{"--profile", "meter", "--psk-identity", d.identity, "--psk-key-format", "hex", "--psk-key-file", writeFile(t, "psk.key", d.key)}
	}
	o.run(t, append(append([]string{"device", "add"}, args...), d.endpoint)...)
}

// account is what the device is to be given: the PSK identity is its endpoint name,
// which is the default of profiles.
func (o operator) account(t *testing.T, endpoint string) account {
	t.Helper()
	var d struct {
		Accounts map[string]struct{ Key string }
	}
	o.runJSON(t, &d, "device", "get", "--reveal", endpoint)
	return account{endpoint: endpoint, identity: endpoint, key: d.Accounts["main"].Key}
}

// A session is what "session list --json" tells of one.
type session struct {
	ID, Endpoint, Identity, Transport string
	Stage, Cause, Detail, Format      string
	Operations                        []struct {
		Op, Path, Code string
		Tolerated      bool
	}
}

// ops are the operations of the session with one name, as "path code".
func (s session) ops(name string) []string {
	var all []string
	for _, o := range s.Operations {
		if o.Op == name {
			all = append(all, o.Path+" "+o.Code)
		}
	}
	return all
}

// sessions waits until the history has n sessions that query selects, and returns
// them, the oldest first. There is no event to wait for: a session is kept a little
// after the device knows how it ended.
func (o operator) sessions(t *testing.T, n int, query ...string) []session {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		var all []session
		o.runJSON(t, &all, append([]string{"session", "list"}, query...)...)
		if len(all) >= n {
			slices.Reverse(all)
			return all
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%d sessions after %v, want %d: %+v", len(all), patience, n, all)
		}
	}
}

// writeFile writes a file of the test's own, and returns its path.
func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
