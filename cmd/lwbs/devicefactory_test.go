package main

import (
	"os"
	"strings"
	"testing"
)

// What is put into a device comes from its record; the key only when it is asked for.
func TestDeviceFactory(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("k", "00112233445566778899aabbccddeeff\n")
		sh.ok("device add a --profile meter --psk-key-file $D/k --psk-key-format hex --psk-identity id-a")
		sh.ok("device add b --profile meter --certificate-name b")
		const server = " --server coaps://b.example"
		hidden := sh.ok("device factory a --for anjay" + server)
		contains(t, "without the key", hidden, "-e a", "-i 69642d61", "KEY-OF-16-BYTES-IN-HEX")
		lacks(t, "without the key", hidden, "00112233")
		contains(t, "with the key", sh.ok("device factory a --for anjay --reveal"+server), "-k 00112233445566778899aabbccddeeff")
		sh.ok("device factory a --for senml-cbor --reveal --out $D/blob" + server)
		if info, err := os.Stat(sh.dir + "/blob"); err != nil || info.Mode().Perm() != 0o600 || info.Size() == 0 {
			t.Errorf("the file: %v, %v", info, err)
		}
		if out := sh.ok("device factory a --for senml-cbor --reveal" + server); out != string(sh.read("blob")) {
			t.Errorf("standard output differs from the file: %q", out)
		}
		for line, want := range map[string]string{
			"device factory a --for anjay":                                            "--server is missing",
			"device factory a" + server:                                               "--for is missing: one of anjay",
			"device factory a --for iowa" + server:                                    `--for "iowa" is not one of`,
			"device factory nosuch --for json" + server:                               "not found",
			"device factory a --for json --server http://b.example":                   "does not begin with coap:// or coaps://",
			"device factory a --for json --server coaps://b:99999":                    "port",
			"device factory a --for json --server coap://b.example":                   "may not come over plain CoAP",
			"device factory b --for json" + server:                                    "whose private key lwbs does not have",
			"device factory a --for senml-cbor" + server:                              "add --reveal",
			"device factory a --for senml-cbor --reveal --out $D/blob" + server:       "blob exists, and is not replaced",
			"device factory a --for at-nrf91" + server:                                "--security-tag is missing",
			"device factory a --for at-nrf91 --security-tag 3000000000" + server:      "is not within 0 to 2147483647",
			"device factory a --for zephyr" + server:                                  "those of this device differ",
			"device factory a --for json --out=" + server:                             "--out",
			"device factory a --for json --server coaps://b.example --reveal surplus": "",
		} {
			if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, want) || strings.Contains(errs, "00112233") {
				t.Errorf("%s: status %d, %s", line, status, errs)
			}
		}
		sh.ok("device set a --no-sec")
		contains(t, "plain CoAP", sh.ok("device factory a --for wakaama --server coap://192.0.2.7"), "lwm2mclient -4 -b -n a -h 192.0.2.7 -p 5683\n")
	})
}
