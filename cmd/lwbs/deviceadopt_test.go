package main

import (
	"strings"
	"testing"

	"lwbs/store"
)

// An unknown device is added as it came, with a server and without.
func TestAddFromSession(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply $D/meter.yaml")
	sh.ok("device add known --profile meter --psk generate")
	fingerprint := strings.Repeat("ab", 32)
	sh.remember(
		store.Session{Endpoint: "plain", Transport: store.TransportPlain, Proof: store.ProofNone, Cause: store.CauseEndpointUnknown},
		store.Session{Identity: "id-7", Proof: store.ProofNone, Cause: store.CauseIdentityUnknown},
		store.Session{Endpoint: "cert", Identity: fingerprint, Proof: store.ProofNone, Cause: store.CauseCertificateUnknown},
		store.Session{Endpoint: "known", Known: true, Identity: "known", Cause: store.CauseSilent},
		store.Session{Identity: fingerprint, Proof: store.ProofNone, Cause: store.CauseIdentityUnknown}, // a PSK identity that looks like one
		store.Session{Endpoint: "gone", Known: true, Identity: "gone", Cause: store.CauseSilent},
		store.Session{Proof: store.ProofNone, Cause: store.CauseHandshakeFailed},
	)
	sh.ok("device add --from-session s000 --profile meter")
	contains(t, "over plain CoAP", sh.ok("device get plain"), " permitted\n")
	sh.serve()
	for line, want := range map[string]string{
		"device add --from-session s001 --profile meter":                  "does not tell the name of the device: give it, lwbs device add ENDPOINT --from-session s001",
		"device add m-7 --from-session s001 --profile meter":              "PSK identity id-7, and its key is not known here",
		"device add --from-session s003 --profile meter":                  "session s003 is of device known, which has a record",
		"device add m-8 --from-session s004 --profile meter":              "its key is not known here",
		"device add m-9 --from-session s006 --profile meter":              "does not tell what the device came with",
		"device add m-9 --from-session s999 --profile meter":              "not found",
		"device add --from-session= --profile meter":                      "--from-session is empty",
		"device add a b --from-session s000 --profile meter":              "expected ENDPOINT, got 2 arguments",
		"device add --from-session s000 --profile meter":                  "exists",
		"device add --from-session s002":                                  "--profile is missing",
		"device add --profile meter --psk-identity x --from-session s001": "an identity goes with a key",
	} {
		if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d, %s, want %s", line, status, errs, want)
		}
	}
	sh.ok("device add m-7 --from-session s001 --profile meter --psk-key-file $D/key.hex --psk-key-format hex")
	contains(t, "with its identity", sh.ok("device get m-7"), `psk identity "id-7"`, " refused\n")
	sh.ok("device add --from-session s002 --profile meter")
	contains(t, "with its certificate", sh.ok("device get cert"), "certificate "+fingerprint)
	sh.ok("device add --from-session s005 --profile meter --psk generate --psk-identity other")
	contains(t, "with another identity", sh.ok("device get gone"), `psk identity "other"`)
}
