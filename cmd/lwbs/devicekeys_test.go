package main

import (
	"strings"
	"testing"
)

// What is wrong with a key is said of that key, with the option that tells its form.
func TestKeyMistakes(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add dev-1 --profile meter --psk generate")
		sh.write("text", "not in digits\n")
		sh.write("odd", strings.Repeat("b", 31)+"\n")
		sh.write("empty", "")
		for line, want := range map[string]string{
			"--psk-key-file $D/text --psk-key-format hex":              "key in $D/text: 10 of 13 characters are no hexadecimal digit, the first is character 1",
			"--psk-key-file $D/odd --psk-key-format hex":               "key in $D/odd: 31 hexadecimal digits: one is missing or too many",
			"--psk-key-file - --psk-key-format base64x":                `--psk-key-format "base64x" is not hex, base64, text or binary`,
			"--psk-key-file $D/nope --psk-key-format HEX":              `--psk-key-format "HEX" is not hex, base64, text or binary`,
			"--psk-key-file $D/empty --psk-key-format text":            "key in $D/empty is empty",
			"--psk-key-file /dev/zero --psk-key-format binary":         "key in /dev/zero has more than 65536 bytes",
			"--psk-key-file $D/text":                                   "--psk-key-file needs --psk-key-format hex, base64, text or binary",
			"--account-key-file main=$D/odd":                           "key of account main in $D/odd: 31 hexadecimal digits: one is missing or too many",
			"--account-master-secret-file main=$D/nope":                "read master secret of account main: open $D/nope: no such file",
			"--account-master-secret-file main=$D/odd":                 "master secret of account main in $D/odd: 31 hexadecimal digits",
			"--secret-file /24/0/8=$D/odd":                             "secret /24/0/8 in $D/odd: 31 hexadecimal digits",
			"--secret-file /24/0/8=$D/odd --account-key-format base64": "secret /24/0/8 in $D/odd: 31 characters of Base64, the last of which cannot be the last",
			"--secret-file /11/0/6=$D/empty":                           "secret /11/0/6 in $D/empty is empty",
		} {
			status, out, errs := sh.run("device set dev-1 " + line)
			if status == exitDone || out != "" || !strings.HasPrefix(errs, "lwbs: "+want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("%s: status %d, %q, stderr %q, want %q", line, status, out, errs, want)
			}
			lacks(t, line, errs, "not in")
			lacks(t, line, errs, "bbb")
		}
		sh.write("count", "00112233445566778899aabbccddeeff\n")
		status, _, errs := sh.run("device set dev-1 --psk-key-file $D/count --psk-key-format hex")
		if status != exitDone || errs != "warning: key in $D/count: its bytes only count up or down\nread the key: 16 bytes\n" {
			t.Errorf("a weak key: status %d, %q", status, errs)
		}
		sh.write("random", "9f86d081884c7d659a2feaa0c55ad015\n")
		sh.ok("device add dev-2 --profile meter --psk-key-file $D/random --psk-key-format hex")
		status, _, errs = sh.run("device add dev-3 --profile meter --psk-key-file $D/random --psk-key-format hex")
		if status != exitDone || !strings.Contains(errs, `warning: its key to bootstrap with is one of device "dev-2", too`) {
			t.Errorf("a key of another device: status %d, %q", status, errs)
		}
	})
}
