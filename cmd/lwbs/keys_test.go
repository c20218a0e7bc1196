package main

import (
	"strings"
	"testing"
)

func TestKeyForms(t *testing.T) {
	for _, tt := range []struct{ format, text, want string }{
		{"hex", "6B65 \r\n", "ke"},
		{"base64", "\na2U=\n", "ke"},
		{"text", "ke", "ke"},
		{"text", "ke\n", "ke"},
		{"text", "ke\r\n", "ke"},
		{"text", "ke\n\n", "ke\n"},
		{"text", "ke\r", "ke\r"},
		{"text", " ke ", " ke "},
		{"text", "\n", ""},
		{"binary", "ke\n", "ke\n"},
	} {
		form := keyForm{tt.format, "--some-format"}
		got, err := form.decode([]byte(tt.text))
		if err != nil || form.check() != nil || string(got) != tt.want {
			t.Errorf("%s %q: %q, %v, want %q", tt.format, tt.text, got, err, tt.want)
		}
	}
}

// What is wrong with a key is said of that key, with the option that tells its form.
func TestKeyMistakes(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add dev-1 --profile meter --psk generate")
		sh.write("text", "not in digits\n")
		sh.write("empty", "")
		for line, want := range map[string]string{
			"--psk-key-file $D/text --psk-key-format hex":               "key in $D/text: it is not hexadecimal: say --psk-key-format base64, text or binary if it is that",
			"--psk-key-file - --psk-key-format base64x":                 `--psk-key-format "base64x" is not hex, base64, text or binary`,
			"--psk-key-file $D/nope --psk-key-format HEX":               `--psk-key-format "HEX" is not hex, base64, text or binary`,
			"--psk-key-file $D/empty --psk-key-format text":             "key in $D/empty is empty",
			"--psk-key-file $D/text":                                    "--psk-key-file needs --psk-key-format hex, base64, text or binary",
			"--account-key-file main=$D/text":                           "key of account main in $D/text: it is not hexadecimal: say --account-key-format base64, text or binary",
			"--account-master-secret-file main=$D/nope":                 "read master secret of account main: open $D/nope: no such file",
			"--secret-file /24/0/8=$D/text":                             "secret /24/0/8 in $D/text: it is not hexadecimal: say --account-key-format base64, text or binary",
			"--secret-file /24/0/8=$D/text --account-key-format base64": "secret /24/0/8 in $D/text: it is not Base64: say --account-key-format hex, text or binary",
			"--secret-file /11/0/6=$D/empty":                            "secret /11/0/6 in $D/empty is empty",
		} {
			status, out, errs := sh.run("device set dev-1 " + line)
			if status == exitDone || out != "" || !strings.HasPrefix(errs, "lwbs: "+want) || strings.Count(errs, "\n") != 1 {
				t.Errorf("%s: status %d, %q, stderr %q, want %q", line, status, out, errs, want)
			}
			lacks(t, line, errs, "digits")
		}
	})
}
