//go:build interop

package interop_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An operator has a database of its own, a server that runs on it, and the commands.
type operator struct {
	db      string
	uri     map[string]string // of the server, by scheme
	metrics string            // URL
	leshan  string            // URL of Leshan's API; empty without it
	process *process
}

// serve starts a server with further options; it must end well when the test does.
func serve(t *testing.T, options ...string) operator {
	t.Helper()
	return serveAt(t, filepath.Join(t.TempDir(), "lwbs.db"), "127.0.0.1:0", "127.0.0.1:0", options...)
}

// serveAt is serve with a database that may exist, at these addresses.
func serveAt(t *testing.T, db, coap, coaps string, options ...string) operator {
	t.Helper()
	o := operator{db: db, uri: make(map[string]string)}
	p := start(t, "lwbs serve", exec.Command(command, append([]string{"--db", o.db, "serve", "--coap", coap, "--coaps", coaps, "--metrics", "127.0.0.1:0", "--log", "debug"}, options...)...))
	o.process = p
	p.tidy = true
	p.awaitLine(t, "admin socket", func(line string) bool {
		if uri, ok := strings.CutPrefix(line, "listening on "); ok {
			scheme, _, _ := strings.Cut(uri, ":")
			o.uri[scheme] = uri
		}
		if url, ok := strings.CutPrefix(line, "metrics at "); ok {
			o.metrics = url
		}
		if url, ok := strings.CutPrefix(line, "API of Leshan at "); ok {
			o.leshan = url
		}
		return strings.HasPrefix(line, "administered at ")
	})
	return o
}

// killed kills the server, and returns another one that has its database and its addresses.
func (o operator) killed(t *testing.T) operator {
	t.Helper()
	o.process.tidy = false
	if err := o.process.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-o.process.ended
	return serveAt(t, o.db, strings.TrimPrefix(o.uri["coap"], "coap://"), strings.TrimPrefix(o.uri["coaps"], "coaps://"))
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
	Group                             string
	Enrolled                          bool
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
		all = slices.DeleteFunc(all, func(s session) bool { return s.Cause == "" }) // it is running
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

// metric is the value of a metric of the server now, that of all listeners together.
func (o operator) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	answer, err := http.Get(o.metrics)
	if err != nil {
		t.Fatalf("read metrics: %v", err)
	}
	defer answer.Body.Close()
	found := false
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), name)
		if !ok || !strings.HasPrefix(rest, " ") && !strings.HasPrefix(rest, "{") {
			continue
		}
		value, err := strconv.ParseFloat(rest[strings.LastIndex(rest, " ")+1:], 64)
		if err != nil {
			t.Fatalf("metric %q: %v", lines.Text(), err)
		}
		sum, found = sum+value, true
	}
	if !found {
		t.Fatalf("there is no metric %s", name)
	}
	return sum
}

// awaitHibernated waits until n associations of the server hibernate.
func (o operator) awaitHibernated(t *testing.T, n float64) {
	t.Helper()
	o.await(t, "lwbs_associations_hibernated", n)
}

// await waits until a metric of the server has this value.
func (o operator) await(t *testing.T, name string, value float64) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.After(patience); ; {
		now := o.metric(t, name)
		if now == value {
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatalf("%s is %v after %v, want %v", name, now, patience, value)
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
