package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A device that is deleted, or disabled, is forgotten by the LwM2M Servers that were told of it, one by one
// and many at once, with a running server and without; one that is enabled again is told anew.
func TestDeletedDevicesAreForgotten(t *testing.T) {
	sh := newShell(t)
	file := filepath.Join(sh.dir, "keys.psk")
	sh.write("over.yaml", "name: over\naccounts:\n  - {name: main, uri: 'coaps://a.example', shortServerID: 101, handOver: dm}\n")
	sh.ok("lwm2m-server add dm --kind psk-file --address " + file)
	sh.ok("profile apply -f $D/over.yaml")
	keys := func() string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for line := range strings.Lines(string(b)) {
			name, _, _ := strings.Cut(line, ":")
			names = append(names, name)
		}
		return strings.Join(names, " ")
	}
	for _, name := range []string{"one", "two", "three", "four"} {
		sh.ok("device add " + name + " --profile over --psk-key-format hex --psk-key-file $D/key.hex")
	}
	end := sh.serveLogging(io.Discard)
	for _, name := range []string{"one", "two", "three", "four"} {
		if _, err := sh.bootstrap(name, rightKey); err != nil {
			t.Fatal(err)
		}
	}
	contains(t, "get", sh.ok("device get one"), "handed over", "account main to dm, identity \"one\"")
	if keys() != "one two three four" {
		t.Fatalf("the file has %s", keys())
	}
	sh.ok("device delete one")
	sh.ok("device disable two")
	sh.awaitOutbox("dm")
	if keys() != "three four" {
		t.Errorf("the file has %s", keys())
	}
	lacks(t, "get", sh.ok("device get two"), "handed over")
	sh.ok("device enable two")
	if _, err := sh.bootstrap("two", rightKey); err != nil || keys() != "three four two" {
		t.Errorf("enabled again: %v, the file has %s", err, keys())
	}
	end()

	sh.ok("device delete --where profile=over --yes") // without a server
	contains(t, "list", sh.ok("outbox list"), "device.removed", "two", "three", "four")
	contains(t, "status", sh.ok("status"), "to tell", "dm: 3 messages wait")
	contains(t, "get", sh.ok("lwm2m-server get dm"), "outbox", "3 messages wait")
	sh.serve()
	sh.awaitOutbox("dm")
	if keys() != "" {
		t.Errorf("the file has %s", keys())
	}
	contains(t, "check", sh.ok("db check"), "sound")
}

// awaitOutbox waits until nothing is to be delivered to a receiver.
func (sh *shell) awaitOutbox(receiver string) {
	sh.t.Helper()
	sh.await("outbox list --json --receiver "+receiver, "[]\n")
}

// A webhook that asks for events is told of them, signed, and what it refuses becomes a dead letter that can
// be listed, shown, delivered again and dropped.
func TestEventsByWebhook(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	var secret atomic.Value
	refuse := atomic.Bool{}
	refuse.Store(true)
	got := make(chan string, 100)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		v, err := webhooks.NewWebhook(secret.Load().(string))
		if err == nil {
			err = v.Verify(body, r.Header)
		}
		if err != nil {
			t.Errorf("verify: %v", err)
		}
		if refuse.Load() {
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		got <- string(body)
	}))
	defer web.Close()
	added := sh.ok("lwm2m-server add hook --kind webhook --address " + web.URL + " --event device.bootstrapped --event device.deleted --json")
	var record struct{ Secret string }
	if err := json.Unmarshal([]byte(added), &record); err != nil {
		t.Fatal(err)
	}
	secret.Store(record.Secret)
	contains(t, "get", sh.ok("lwm2m-server get hook"), "device.bootstrapped, device.deleted")
	sh.ok("device add dev-1 --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	sh.serve()
	if _, err := sh.bootstrap("dev-1", rightKey); err != nil {
		t.Fatal(err)
	}
	sh.ok("device delete dev-1")
	list := sh.await("outbox list", "503 Service Unavailable: not now")
	contains(t, "list", list, "device.bootstrapped", "device.deleted", "1 time")
	contains(t, "get", sh.ok("outbox get 1"), `"type":"device.bootstrapped"`, `"endpoint":"dev-1"`, "503")
	contains(t, "status", sh.ok("status"), "hook: 2 messages wait", "it could not be reached 1 time, the next try in")
	refuse.Store(false)
	contains(t, "retry", sh.ok("outbox retry 1"), "1 message queued again")
	for range 2 {
		body := <-got
		if !strings.Contains(body, `"endpoint":"dev-1"`) {
			t.Errorf("it got %s", body)
		}
	}
	sh.awaitOutbox("hook")
	for line, told := range map[string]string{
		"outbox retry":                         "nothing says which messages",
		"outbox drop 1 --dead":                 "and not by both",
		"outbox drop x":                        `"x" is not the number of a message`,
		"outbox get 99":                        "message 99: not found",
		"outbox drop 99":                       "message 99: not found",
		"outbox list --limit 0":                "--limit 0",
		"lwm2m-server set hook --event device": `there is no event "device"`,
		"lwm2m-server set hook --on-delete x":  `--on-delete "x" is not tell or keep`,
	} {
		if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, told) {
			t.Errorf("%s: status %d: %s, want %s", line, status, errs, told)
		}
	}
	sh.ok("lwm2m-server set hook --event none --on-delete keep")
	contains(t, "get", sh.ok("lwm2m-server get hook"), "it keeps the device")
	sh.ok("lwm2m-server delete hook")
}
