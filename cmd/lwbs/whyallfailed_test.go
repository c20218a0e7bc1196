package main

import (
	"context"
	"encoding/json"
	"io"
	"testing"
	"time"

	"lwbs/bootstrap/admin/why"
	"lwbs/bootstrap/coap"
)

// The failures of the fleet are grouped by cause with what to do, while the server runs and after it
// was stopped.
func TestWhyAllFailed(t *testing.T) {
	t.Parallel()
	sh := newShellBeside(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.ok("device add meter-A --profile meter --psk-key-format hex --psk-key-file $D/key.hex")
	stop := sh.serveLogging(io.Discard, "--handshake-timeout", "2s")
	refused := func(identity string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if conn, err := coap.DialDTLS(ctx, sh.coaps, coap.DialConfig{Identity: identity, Key: secretOf(t, "ffeeddccbbaa99887766554433221100")}); err == nil {
			conn.Close()
			t.Error("a wrong key is good")
		}
	}
	refused("meter-A")
	refused("factory-1")
	sh.await("session list", "identity-unknown")
	sh.await("session list", "key-differs")
	for _, mode := range []string{"with a server", "without a server"} {
		out := sh.ok("why --all-failed")
		contains(t, mode, out, "key-differs: 1 device by its name or identity only; the last ", "such as    meter-A\n", "lwbs device get meter-A --reveal",
			"identity-unknown: 1 unknown peer", "such as    (identity factory-1)", "--psk-identity factory-1")
		var f why.Failures
		if err := json.Unmarshal([]byte(sh.ok("why --all-failed --json")), &f); err != nil || len(f.Causes) != 2 || f.Causes[0].Cause != "key-differs" {
			t.Errorf("%s: %+v, %v", mode, f, err)
		}
		if mode == "with a server" {
			lacks(t, mode, out, "No server is running")
			stop()
			continue
		}
		contains(t, mode, out, "note: No server is running with this database ($D/x.db)")
		if _, _, errs := sh.run("session list"); errs == "" {
			t.Error("session list does not say that no server is running")
		}
	}
	for line, want := range map[string]string{
		"why --all-failed meter-A":     "expected no arguments, got 1 argument",
		"why --all-failed --limit 101": "--limit 101 is not within 1 to 100",
	} {
		status, _, errs := sh.run(line)
		contains(t, line, errs, want)
		if status != exitUsage {
			t.Errorf("%s: status %d", line, status)
		}
	}
}
