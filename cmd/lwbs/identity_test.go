package main

import (
	"strings"
	"testing"
)

// An identity of bytes is written hex:… wherever one is written, and shown like that.
func TestIdentitiesOfBytes(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("bytes.yaml", strings.Replace(meterYAML, "name: meter", "name: bytes", 1)+"    identity: \"hex:00fe\"\n")
		if status, _, errs := sh.run("profile apply $D/bytes.yaml"); status != exitDone || !strings.Contains(errs, "PSK identity is not valid UTF-8") {
			t.Errorf("apply: status %d, %s", status, errs)
		}
		sh.ok("device add a --profile bytes --psk generate --psk-identity hex:00ff")
		out := sh.ok("device get a")
		contains(t, "get", out, `psk identity "hex:00ff"`, `identity "hex:00fe"`)
		contains(t, "get --json", sh.ok("device get a --json"), `"identity": "hex:00ff"`, `"identity": "hex:00fe"`)
		if _, _, errs := sh.run("device add b --profile bytes --psk generate --psk-identity base64:AP8="); !strings.Contains(errs, `device "a"`) {
			t.Errorf("the same identity in Base64: %s", errs)
		}
		sh.ok("device add c --profile bytes --psk generate --account-identity main=hex:6d65")
		contains(t, "get", sh.ok("device get c"), `identity "hex:6d65"`)
		for options, want := range map[string]string{
			"--psk generate --psk-identity hex:0":            "what follows hex: has an odd number of digits, 1",
			"--psk generate --account-identity main=hex:xyz": "accounts[0].identity: what follows hex: is not hexadecimal",
			"--psk generate --psk-identity hex:":             "identity has 0 bytes",
		} {
			if status, _, errs := sh.run("device add d --profile bytes " + options); status != exitFailed || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d, %s", options, status, errs)
			}
		}
	})
}

// Profiles are kept to the letter, and what lwbs profile get prints is what was applied, in
// both forms.
func TestProfilesComeBackAsTheyWere(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("odd.yaml", `name: odd
secretsOverNoSec: true
accounts:
  - name: "007"
    uri: coap://127.0.0.1:22200
    shortServerID: 1
    lifetime: 0
    lwm2mServerSMSNumber: +491234567
    sni: 010
    renamedFrom: [0123, "{{.x}}"]
objects:
  - path: /11/0
    resources: {Profile Name: 007, User Name: 0123, APN: "{{.Vars.apn}}", Authentication Type: 1, PDN Type: 2}
bootstrapServer:
  uri: coaps://bs.example
  clientHoldOffTime: 0
`)
		sh.ok("profile apply $D/odd.yaml")
		yaml := sh.ok("profile get odd")
		contains(t, "get", yaml, "lifetime: 0s", `lwm2mServerSMSNumber: "+491234567"`, `sni: "010"`, `"0": "007"`, `"5": "0123"`, "clientHoldOffTime: 0s")
		sh.write("again.yaml", yaml)
		sh.write("again.json", sh.ok("profile get odd --json"))
		_, first, _ := strings.Cut(yaml, "\n")
		for _, file := range []string{"again.yaml", "again.json"} {
			sh.ok("profile apply $D/" + file)
			_, second, _ := strings.Cut(sh.ok("profile get odd"), "\n")
			if second != first {
				t.Errorf("%s: %s became %s", file, first, second)
			}
		}
	})
}
