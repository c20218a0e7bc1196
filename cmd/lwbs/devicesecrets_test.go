package main

import (
	"testing"
)

func TestSecretsOfResources(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("apn.yaml", `name: apn
accounts:
  - {name: main, uri: coaps://lwm2m.example.com, shortServerID: 101}
objects:
  - path: /11/0
    resources: {Profile name: home, APN: internet, Authentication Type: 1, Secret: supplied}
  - path: /24/0
    resources: {Client Identifier: meter, 8: supplied}
`)
		sh.write("secret.txt", "hunter2 of the APN\n")
		sh.ok("profile apply -f $D/apn.yaml")
		contains(t, "profile get", sh.ok("profile get apn"), `"6": supplied`)
		if status, _, errs := sh.run("device add dev-1 --profile apn --psk generate"); status != exitFailed {
			t.Errorf("a device without secrets: status %d, %s", status, errs)
		} else {
			contains(t, "add", errs, "/11/0/6 is to be supplied, and the device has none: --secret-file /11/0/6=FILE")
			contains(t, "add", errs, "--secret-file /24/0/8=FILE")
		}
		status, out, errs := sh.run("device add dev-1 --profile apn --psk generate --secret-file /11/0/6=$D/secret.txt --secret-file /24/0/8=$D/key.hex")
		if status != 0 {
			t.Fatalf("add: status %d, %s", status, errs)
		}
		lacks(t, "add", out+errs, "hunter2")
		for _, command := range []string{"device get dev-1", "device get --json dev-1", "device list --json"} {
			out := sh.ok(command)
			for _, secret := range []string{"hunter2", "68756e74657232", "00112233445566778899aabbccddeeff"} {
				lacks(t, command, out, secret)
			}
		}
		contains(t, "get", sh.ok("device get dev-1"), "of 18 bytes")
		shown := sh.ok("device get --reveal dev-1")
		contains(t, "get --reveal", shown, `"hunter2 of the APN" (18 bytes)`)
		contains(t, "get --reveal", shown, "00112233445566778899aabbccddeeff")

		sh.write("other.txt", "other")
		sh.ok("device set dev-1 --secret-file /11/0/6=$D/other.txt")
		shown = sh.ok("device get --reveal dev-1")
		contains(t, "get --reveal after set", shown, `"other" (5 bytes)`)
		contains(t, "get --reveal after set", shown, "00112233445566778899aabbccddeeff")
		if status, _, errs := sh.run("device set dev-1 --secret-file /11/0/6="); status != exitFailed {
			t.Errorf("a secret that is needed is removed: status %d, %s", status, errs)
		}
	})
}
