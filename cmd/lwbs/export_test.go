package main

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	agecrypt "filippo.io/age"
)

// fleet makes devices that have everything that an export can hold.
func (sh *shell) fleet() {
	sh.t.Helper()
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("fleet.jsonl", strings.Join([]string{
		`{"endpoint":"a","profile":"meter","psk":{"identity":"id of a","key":"AAECAwQFBgcICQoLDA0ODw=="},"tags":["lot7","north"],"note":"says \"ü\",\nand more","vars":{"site":"7"},"accountIdentities":{"main":"own"}}`,
		`{"endpoint":"b","profile":"meter","psk":{"identity":"hex:00ff"},"disabled":true,"format":"senml-cbor","accountKeys":{"main":"AAECAwQFBgcICQoLDA0ODw=="}}`,
		`{"endpoint":"c","profile":"meter","noSec":true,"certificateNames":["SN-1"]}`,
	}, "\n"))
	if status, out, errs := sh.run("import jsonl $D/fleet.jsonl"); status != exitDone {
		sh.t.Fatal(out, errs)
	}
}

// What was exported changes nothing where it is imported, with secrets and without, into the same
// database with a server and without; and makes the same devices in an empty one.
func TestExportAndImport(t *testing.T) {
	sh := newShell(t)
	sh.fleet()
	check := func() {
		t.Helper()
		for form, option := range map[string]string{"csv": " --key-format hex", "jsonl": ""} {
			file := sh.path("out." + form)
			for _, how := range []string{"", " --reveal --plain"} {
				sh.ok("export " + form + " --out " + file + how)
				_, out, errs := sh.run("import " + form + " " + file + option)
				contains(t, form+how, out+errs, "3 rows: 0 added, 0 changed, 3 the same, 0 refused")
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	check()
	sh.ok("export csv --reveal --plain --out $D/whole.csv")
	sh.ok("export jsonl --reveal --plain --out $D/whole.jsonl")
	sh.serve()
	check()
	for file, option := range map[string]string{"whole.csv": "csv --key-format hex", "whole.jsonl": "jsonl"} {
		other := newShell(t)
		other.ok("profile apply -f $D/meter.yaml")
		other.ok("import " + option + " " + sh.path(file))
		other.ok("export jsonl --reveal --plain --out $D/again.jsonl")
		if got, want := other.read("again.jsonl"), sh.read("whole.jsonl"); !bytes.Equal(got, want) {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}

// No secret is written without --reveal, and with it only encrypted, or to a file of the owner.
func TestExportOfSecrets(t *testing.T) {
	sh := newShell(t)
	sh.fleet()
	const key, keyBase64 = "000102030405060708090a0b0c0d0e0f", "AAECAwQFBgcICQoLDA0ODw=="
	for _, form := range []string{"csv", "jsonl"} {
		_, out, errs := sh.run("export " + form)
		for _, text := range []string{key, keyBase64} {
			lacks(t, form, out, text)
		}
		contains(t, form, errs, "wrote 3 devices", "the keys of 3 of them are left out: --reveal writes keys, too")
		for options, want := range map[string]string{
			"--reveal":                            "--reveal writes secrets: encrypt them with --recipient",
			"--reveal --out $D/x":                 "--reveal writes secrets: encrypt them with --recipient",
			"--reveal --plain":                    "name it with --out",
			"--plain --out $D/x":                  "--plain is about secrets",
			"--reveal --recipient age1x --out $D": "--recipient age1x is no age recipient",
		} {
			status, out, errs := sh.run("export " + form + " " + options)
			if status != exitUsage || out != "" {
				t.Errorf("%s %s: status %d, %s", form, options, status, out)
			}
			contains(t, options, errs, want)
		}
		sh.ok("export " + form + " --reveal --plain --out $D/plain." + form)
		if info, err := os.Stat(sh.path("plain." + form)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, error %v", info.Mode(), err)
		}
		if _, _, errs := sh.run("export " + form + " --reveal --plain --out $D/plain." + form); !strings.Contains(errs, "exists, and is not replaced") {
			t.Errorf("a file is replaced: %s", errs)
		}

		identity, err := agecrypt.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		sealed := sh.ok("export " + form + " --reveal --recipient " + identity.Recipient().String())
		for _, text := range []string{key, keyBase64, "meter"} {
			lacks(t, form, sealed, text)
		}
		opened, err := agecrypt.Decrypt(strings.NewReader(sealed), identity)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(opened); err != nil || !bytes.Equal(got, sh.read("plain."+form)) {
			t.Errorf("%s: decrypted is %s, error %v", form, got, err)
		}
	}
}

// Filters select devices, and what a table cannot hold is told.
func TestExportSelects(t *testing.T) {
	sh := newShell(t)
	sh.fleet()
	if out := sh.ok("export csv --tag lot7"); strings.Count(out, "\n") != 3 || !strings.HasPrefix(out, "endpoint,profile,psk-identity,no-sec,disabled,tag,note,account.main.identity,var.site\na,meter,id of a,no,no,lot7|north,") {
		t.Errorf("%q", out) // the note has two lines
	}
	sh.ok("device set a --tag x,y")
	status, _, errs := sh.run("export csv --out $D/t.csv")
	if status != exitFailed {
		t.Errorf("status %d", status)
	}
	contains(t, "a tag with a comma", errs, `device "a": a table cannot hold its tag`, "lwbs export jsonl can")
	if _, err := os.Stat(sh.path("t.csv")); err == nil {
		t.Error("half a table is left")
	}
	sh.ok("export jsonl --prefix a")
}
