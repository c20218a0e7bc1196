package main

import (
	"strings"
	"testing"
)

func TestServeRefuses(t *testing.T) {
	for line, want := range map[string]string{
		"serve --replica-id 256":                  "--replica-id 256",
		"serve --strangers -1":                    "--strangers -1",
		"serve --strangers-per-net -1":            "--strangers-per-net -1",
		"serve --max-associations -1":             "--max-associations -1",
		"serve --max-associations-per-address -1": "--max-associations-per-address -1",
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
