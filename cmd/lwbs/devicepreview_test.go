package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"lwbs/bootstrap/admin"
	"lwbs/store"
)

// A preview is what the session that follows does: the same operations, in the same order, with
// the same sizes.
func TestPreviewIsWhatTheSessionDoes(t *testing.T) {
	for name, profile := range map[string]string{
		"plain":      "name: p\naccounts:\n  - {name: main, uri: coaps://lwm2m.example.com, shortServerID: 101}\n",
		"renewed":    "name: p\naccounts:\n  - {name: main, uri: coaps://lwm2m.example.com, shortServerID: 101, key: renew}\n",
		"two":        "name: p\naccounts:\n  - {name: main, uri: coaps://a.example.com, shortServerID: 101}\n  - {name: other, uri: coaps://b.example.com, shortServerID: 102}\naccessControl: none\n",
		"in parts":   "name: p\naccounts:\n  - {name: main, uri: coaps://lwm2m.example.com, shortServerID: 101}\ndevice: {maxPayload: 60}\n",
		"CBOR":       "name: p\nformat: senml-cbor\naccounts:\n  - {name: main, uri: coaps://lwm2m.example.com, shortServerID: 101}\n",
		"all before": "name: p\ndelete: all\naccounts:\n  - {name: main, uri: coaps://lwm2m.example.com, shortServerID: 101}\n",
		"any Object": "name: p\naccounts:\n  - {name: main, uri: coaps://lwm2m.example.com, shortServerID: 101}\nobjects:\n  - path: /3/0\n    resources: {14: \"+02:00\", 15: Europe/Berlin}\n",
	} {
		t.Run(name, func(t *testing.T) {
			sh := newShell(t)
			sh.serve("--coaps", "127.0.0.1:0")
			sh.write("p.yaml", profile)
			sh.ok("profile apply -f $D/p.yaml")
			sh.ok("device add a --profile p --psk-key-format hex --psk-key-file $D/key.hex")
			var preview admin.Preview
			if err := json.Unmarshal([]byte(sh.ok("device preview a --json")), &preview); err != nil {
				t.Fatal(err)
			}
			if _, err := sh.bootstrap("a", rightKey); err != nil {
				t.Fatal(err)
			}
			var session store.Session
			if err := json.Unmarshal([]byte(sh.ok("session get "+sh.lastSession("--endpoint a")+" --json")), &session); err != nil {
				t.Fatal(err)
			}
			var did []admin.PreviewOperation
			for i, o := range session.Operations {
				if i == 0 { // of Discover the record has the size of the answer
					o.Format, o.Bytes = 0, 0
				}
				did = append(did, admin.PreviewOperation{Op: o.Op, Path: o.Path, Format: o.Format, Bytes: o.Bytes})
			}
			for i := range preview.Operations {
				preview.Operations[i].Blocks = 0
			}
			if !reflect.DeepEqual(did, preview.Operations) {
				t.Errorf("the session did\n%+v\nand the preview was\n%+v", did, preview.Operations)
			}
		})
	}
}

func TestPreview(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.ok("device add a --profile meter --psk generate")
		contains(t, "preview", sh.ok("device preview a"), "OPERATION", "write      /0/1  tlv", "finish", "2 Writes")
		contains(t, "preview as Wakaama", sh.ok("device preview a --as wakaama"), "senml-json")
		sh.write("links", "</>;lwm2m=1.1,</0/0>;ssid=101,</0/5>,</1/0>;ssid=101")
		contains(t, "preview of a client that came", sh.ok("device preview a --discover $D/links --preferred-format senml-cbor"), "delete     /0/0", "delete     /1/0", "senml-cbor")
		sh.write("odd", "hello")
		for line, want := range map[string]string{
			"device preview nosuch":                 "not found",
			"device preview a --as nope":            `--as "nope" is not one of anjay-1.0`,
			"device preview a --discover $D/odd":    "is not in link format",
			"device preview a --preferred-format x": "is not tlv",
		} {
			if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, want) {
				t.Errorf("%s: status %d, %s", line, status, errs)
			}
		}
		if before, after := sh.ok("device get a --json"), sh.ok("device get a --json"); before != after {
			t.Error("the record has changed")
		}
	})
}
