package main

import (
	"strings"
	"testing"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap"
)

func TestServeRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"serve --replica-id 256":                  "--replica-id 256",
		"serve --strangers -1":                    "--strangers -1",
		"serve --strangers-per-net -1":            "--strangers-per-net -1",
		"serve --max-associations -1":             "--max-associations -1",
		"serve --max-associations-per-address -1": "--max-associations-per-address -1",
		"serve --handshake-timeout 0":             "--handshake-timeout 0s is not within 1s to 10m",
		"serve --handshake-timeout -9s":           "--handshake-timeout -9s",
		"serve --handshake-timeout 601s":          "--handshake-timeout 10m1s",
		"serve --handshake-timeout soon":          "handshake-timeout",
		"serve --replica-id -1":                   "replica-id",
		"serve --coaps off":                       "nothing to listen on",
		"serve --coaps 127.0.0.1:0 --log noise":   `--log "noise"`,
	} {
		status, _, errs := newShell(t).run(line)
		if status != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %q; want %q", line, status, errs, want)
		}
	}
}

// The metrics of a listener have every reason to drop a datagram, also where none was yet.
func TestTransportHasEveryReason(t *testing.T) {
	l, err := coap.ListenUDP("127.0.0.1:0", coap.Config{Handler: noHandler{}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dropped := transport(l).Dropped
	for reason := range (coap.Drops{}).All() {
		if n, ok := dropped[reason.String()]; !ok || n != 0 {
			t.Errorf("%v: %d, %v", reason, n, ok)
		}
		delete(dropped, reason.String())
	}
	if len(dropped) > 0 {
		t.Errorf("there are more: %v", dropped)
	}
}

// noHandler is for a listener that nobody asks.
type noHandler struct{ bootstrap.Handler }
