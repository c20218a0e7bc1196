package main

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
)

// A file of another kind than was asked for is named as what it is, in one line, by whatever reads it; and
// nothing is made.
func TestFilesOfOtherKinds(t *testing.T) {
	sh := newShell(t)
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write([]byte("endpoint\na\n")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]struct{ text, want string }{
		"book.xlsx": {"PK\x03\x04" + strings.Repeat("\x00", 22) + "\x13\x00\x00\x00[Content_Types].xml....xl/workbook.xml", "it is an Excel workbook (.xlsx)"},
		"old.xls":   {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00", "it is an old Excel workbook (.xls)"},
		"a.gz":      {gz.String(), "it is compressed (gzip)"},
		"a.pdf":     {"%PDF-1.7\nendpoint\n", "it is a PDF"},
		"a.html":    {"<!DOCTYPE html>\n<html><body>endpoint</body></html>", "it is a web page"},
		"a.age":     {"age-encryption.org/v1\n-> X25519 abc\n", "it is encrypted (age)"},
		"a.bin":     {"\x01\x02\x00\x03\x04\x05\x00\x00\x07binary", "it is no text"},
	} {
		sh.write(name, kind.text)
		for _, command := range []string{
			"import csv $F", "import jsonl $F", "import psk-file $F", "import cumulocity $F", "import thingsboard $F", "import dps $F",
			"import leshan $F", "import wakaama $F", "profile apply -f $F", "profile check -f $F", "import csv $D/t.csv --map-file $F",
		} {
			status, out, errs := sh.run(strings.ReplaceAll(command, "$F", "$D/"+name))
			if status == exitDone || out != "" || strings.Count(errs, "\n") > 2 || !strings.Contains(errs, kind.want) {
				t.Errorf("%s of %s: status %d, %q, %s", command, name, status, out, errs)
			}
		}
		if name == "a.bin" {
			continue // is said not to be XML, and may be a damaged database
		}
		for _, command := range []string{"device list", "db check", "serve", "profile apply -f $D/meter.yaml"} {
			status, out, errs := sh.run("--db $D/" + name + " " + command)
			if status != exitFailed || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, strings.TrimPrefix(kind.want, "it ")+", not a database of lwbs") {
				t.Errorf("%s with %s for a database: status %d, %q, %s", command, name, status, out, errs)
			}
		}
		if status, out, errs := sh.run("object check $D/" + name); status == exitDone || !strings.Contains(out, kind.want+": want a definition of an Object") || strings.Count(out+errs, "\n") != 2 {
			t.Errorf("object check %s: status %d, %q, %s", name, status, out, errs)
		}
	}
}

// Text in UTF-16 is read by all of them.
func TestImportsReadUTF16(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("w.ini", utf16Text("[Server]\nid=1\nuri=coap://a.example\nsecurity=nosec\n[Endpoint]\nName=w-1\nServer=1\n"))
	contains(t, "wakaama", sh.ok("import wakaama --no-sec $D/w.ini"), "1 entry: 1 imported")
	sh.write("d.json", utf16Text(`[{"registrationId":"dps-1","attestation":{"type":"symmetricKey","symmetricKey":{"primaryKey":"ABEiM0RVZneImaq7zN3uCQ=="}}}]`))
	contains(t, "dps", sh.ok("import dps $D/d.json --profile meter"), "1 row: 1 added")
	sh.write("l.json", utf16Text(`{"l-1": {"security": {"1": {"uri": "coap://a.example", "serverId": 1, "securityMode": "NO_SEC"}}, "servers": {"0": {"shortId": 1}}}}`))
	contains(t, "leshan", sh.ok("import leshan --no-sec $D/l.json"), "1 entry: 1 imported")
}
