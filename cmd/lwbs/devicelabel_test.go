package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Labels of one device and of many; a key only where it is asked for.
func TestDeviceLabel(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("k", "00112233445566778899aabbccddeeff\n")
		for _, name := range []string{"a", "b", "urn:imei:490154203237518"} {
			sh.ok("device add " + name + " --profile meter --tag lot7 --psk-key-file $D/k --psk-key-format hex")
		}
		sh.ok("device add other --profile meter --certificate-name other")
		printed := sh.ok("device label urn:imei:490154203237518")
		contains(t, "label", printed, "█", "    urn:imei:490154203237518\n")
		if dark := sh.ok("device label urn:imei:490154203237518 --dark-on-light"); dark == printed {
			t.Error("the same for both kinds of terminals")
		}
		sh.ok("device label a --png $D/a.png")
		sh.ok("device label a --png $D/key.png --reveal --server coaps://b.example")
		small, large := sh.read("a.png"), sh.read("key.png")
		if !bytes.HasPrefix(small, []byte("\x89PNG")) || len(large) <= len(small) {
			t.Errorf("images of %d bytes, and %d with a key", len(small), len(large))
		}
		sh.ok("device label --sheet $D/lot7.pdf --tag lot7")
		if !bytes.HasPrefix(sh.read("lot7.pdf"), []byte("%PDF-")) {
			t.Error("no PDF")
		}
		for line, want := range map[string]string{
			"device label":                                                      "expected ENDPOINT",
			"device label nosuch":                                               "not found",
			"device label a --sheet $D/x.pdf":                                   "expected no arguments",
			"device label a --tag lot7":                                         "--tag goes with --sheet",
			"device label a --png $D/a.png":                                     "a.png exists, and is not replaced",
			"device label a --reveal":                                           "--reveal and --server go together",
			"device label --sheet $D/lot7.pdf":                                  "lot7.pdf exists, and is not replaced",
			"device label --sheet $D/x.pdf --tag":                               "--tag",
			"device label --sheet $D/x.pdf --tag none":                          "there is no such device",
			"device label --sheet $D/x.pdf --reveal --server coaps://b.example": "whose private key lwbs does not have",
			"device label a --png $D/x --sheet $D/x.pdf":                        "expected no arguments",
		} {
			if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d, %s", line, status, errs)
			}
		}
		if _, err := os.Stat(filepath.Join(sh.dir, "x.pdf")); err == nil {
			t.Error("a command that failed left a file")
		}
	})
}
