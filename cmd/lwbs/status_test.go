package main

import (
	"strings"
	"testing"
	"time"

	"lwbs/store"
)

// The summary is the same with a server and without, but for what only a server knows.
func TestStatus(t *testing.T) {
	sh := newShell(t)
	if status, _, _ := sh.run("status"); status != exitFailed {
		t.Errorf("without a database: status %d", status)
	}
	sh.ok("profile apply $D/meter.yaml")
	for _, ep := range []string{"m-1", "m-2", "m-3"} {
		sh.ok("device add " + ep + " --profile meter --psk generate")
	}
	sh.ok("device disable m-3")
	sh.remember(store.Session{
		ID: "s1", Endpoint: "m-1", Known: true, Proof: store.ProofIdentity, Identity: "m-1", Transport: store.TransportDTLS, Remote: "192.0.2.7:5683",
		Started: time.Now().Add(-time.Minute), Ended: time.Now(), Stage: store.StageWrite, Cause: store.CauseSilent, Profile: "meter", ProfileRevision: 1,
	})
	fleet := []string{"3 devices: 1 failed, 1 never came, 1 disabled", "1 profile, 1 attempt in the history", "failing", "silent: 1 device, the last"}
	out := sh.ok("status")
	contains(t, "without a server", out, append(fleet, "none is running with this database")...)
	if strings.Contains(out, "listens at") {
		t.Errorf("listens without a server:\n%s", out)
	}
	sh.serve()
	out = sh.ok("status")
	contains(t, "with a server", out, append(fleet, "running since", "0 sessions now", "coaps://127.0.0.1:")...)
	if lines := strings.Count(out, "\n"); lines > 10 {
		t.Errorf("%d lines:\n%s", lines, out)
	}
	contains(t, "JSON", sh.ok("status --json"), `"server": true`, `"never": 1`, `"cause": "silent"`)
}
