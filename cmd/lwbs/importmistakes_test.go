package main

import (
	"os"
	"strings"
	"testing"
)

// No key of a file is in what import prints, wherever in the file it stands.
func TestImportShowsNoKey(t *testing.T) {
	const hex, base64 = "00112233445566778899aabbccddeeff", "AAECAwQFBgcICQoLDA0ODw=="
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	for name, c := range map[string]struct{ text, line string }{
		"no heading":          {"c1," + hex + "\nc2," + hex + "\n", "csv $D/f"},
		"no heading, mapped":  {"c1," + hex + "\nc2," + hex + "\n", "csv $D/f --map foo=endpoint"},
		"no heading, made":    {"c1," + hex + "\nc2," + hex + "\n", "csv $D/f --endpoint {{.c1}}"},
		"CR and no heading":   {"c1," + hex + "\rc2," + hex + "\r", "csv $D/f"},
		"wrong yes or no":     {"endpoint,disabled\na," + hex + "\n", "csv $D/f"},
		"wrong format":        {"endpoint,format\na," + base64 + "\n", "csv $D/f"},
		"wrong profile":       {"endpoint,profile\na," + hex + "\n", "csv $D/f"},
		"made of a key":       {"endpoint,psk-key\na," + hex + "\n", "csv $D/f --column format={{.psk_key}} --key-format hex"},
		"exchanged":           {hex + ",a\n", "csv $D/f --columns endpoint,psk-key --key-format hex"},
		"in JSON, a member":   {`{"endpoint":"a","` + hex + `":1}`, "jsonl $D/f"},
		"in JSON, the format": {`{"endpoint":"a","format":"` + hex + `"}`, "jsonl $D/f"},
		"in JSON, a number":   {`{"endpoint":"a","psk":{"key":12345678901234567890123456789012}}`, "jsonl $D/f"},
		"in JSON, no object":  {`"` + base64 + `"`, "jsonl $D/f"},
	} {
		sh.write("f", c.text)
		for _, more := range []string{"", " --json"} {
			status, out, errs := sh.run("import " + c.line + " --profile meter --dry-run" + more)
			if strings.Contains(c.text, ",profile\n") {
				status, out, errs = sh.run("import " + c.line + " --dry-run" + more)
			}
			if status == exitDone {
				t.Errorf("%s: it is taken: %s", name, out)
			}
			for _, key := range []string{hex, base64, "1234567890123456"} {
				lacks(t, name, out+errs, key)
			}
		}
	}
	sh.write("f", "endpoint,psk-key\na,1.23457E+31\n")
	_, out, _ := sh.run("import csv $D/f --key-format hex --profile meter --dry-run")
	contains(t, "a shortened key", out, `column "psk-key" (character 3): it is a long number that a spreadsheet has shortened`)
	lacks(t, "a shortened key", out, "1.23457")
}

// What is wrong with a file or a template is told once, before anything is put.
func TestImportTellsMistakesInFiles(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("twice.csv", "endpoint,serial no,serial-no\na,1,2\n")
	sh.write("short.csv", "IMEI\n\" 3.58E+14\"\n")
	sh.write("array.json", "[\n{\"endpoint\":\"a\"}\n]\n")
	sh.write("long.jsonl", `{"endpoint":"a","note":"`+strings.Repeat("x", 2<<20)+"\"}\n")
	sh.write("latin.jsonl", "{\"endpoint\":\"a\xfc\"}\n")
	sh.write("blank", " \n")
	for line, want := range map[string]string{
		"csv $D/twice.csv --column note={{.serial_no}}": `columns "serial no" and "serial-no" are both {{.serial_no}}`,
		"csv $D/twice.csv --column note={{.colour}}":    `no column is {{.colour}}: the columns are "endpoint", "serial no", "serial-no"`,
		"csv $D/short.csv --endpoint x{{.IMEI}}":        "short.csv:2: refused: IMEI: 3.58E+14 is a long number",
		"jsonl $D/array.json":                           "it is a JSON array, and each line has to be an object of its own",
		"jsonl $D/long.jsonl":                           "long.jsonl:1: refused: it has more than 1048576 bytes",
		"jsonl $D/latin.jsonl":                          "latin.jsonl:1: refused: it is not the JSON of a device: it is not UTF-8",
		"jsonl $D/blank":                                "it is empty",
		"psk-file $D/blank":                             "it is empty",
		"jsonl /dev/zero":                               "it is no text: byte 1 is zero",
		"psk-file /dev/zero":                            "it is no text: byte 1 is zero",
	} {
		status, out, errs := sh.run("import " + line + " --profile meter")
		if status == exitDone {
			t.Errorf("%s: status %d", line, status)
		}
		contains(t, line, out+errs, want)
		lacks(t, line, out+errs, "bufio")
		lacks(t, line, out+errs, "the same command goes on")
	}
}

// Of two columns with one heading none can be left by its name; a table may have no device; a row of another
// table is none of this one.
func TestImportOddTables(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("f", "endpoint,endpoint\na,b\n")
	_, _, errs := sh.run("import csv $D/f --profile meter")
	contains(t, "one heading twice", errs, `two columns have the heading "endpoint": give one of them another in the file`)
	sh.write("f", "endpoint,note\n")
	_, out, errs := sh.run("import csv $D/f --profile meter")
	contains(t, "no device", out+errs, "0 rows: 0 added", "has no device in it")
	sh.write("f", "endpoint;note\na;1\nb,2\n")
	_, out, _ = sh.run("import csv $D/f --profile meter")
	contains(t, "another separator", out, "f:3: refused: its cells are separated by a comma, and those of the first row by a semicolon", "2 rows: 1 added")
}

// The tables of vendors and of other systems are read with the headings that they have.
func TestImportHeadingsOfOthers(t *testing.T) {
	const key = "00112233445566778899aabbccddeeff"
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	for text, more := range map[string]string{
		"IDENTIFIER,MOBILE NUMBER,NETWORK IDENTIFIER,IP,OPERATOR,OPERATOR ACCOUNT,LABELS\ns1,+49170123,262011234567890,10.0.0.1,Op,acc,a|b\n":                                           "--map IDENTIFIER=endpoint",
		"name,LWM2M_CLIENT_ENDPOINT,LWM2M_CLIENT_SECURITY_CONFIG_MODE,LWM2M_CLIENT_IDENTITY,LWM2M_CLIENT_KEY,LWM2M_SERVER_CLIENT_SECRET_KEY\nn,s2,PSK,i2," + key + "," + key + "\n":     "",
		"endpoint id;securityMode;lwm2m psk_id;lwm2m psk_key;bootstrap psk_id;bootstrap psk_key;lwm2m server uri;type;bindingMode\ns3;PSK;l;" + key + ";i3;" + key + ";coaps://x;t;U\n": "",
		"Site,Date,Form,Mode,Key ID,Endpoint\na,b,c,d,e,s4\n": "",
		"Endpoint|Tags\ns5|x;y\n":                             "",
	} {
		sh.write("f", text)
		contains(t, text, sh.ok("import csv $D/f --key-format hex --profile meter "+more), "1 row: 1 added")
	}
	sh.write("f", "endpoint,note\ns6,x\nEndpoint,Note\ns7,x\n")
	_, out, _ := sh.run("import csv $D/f --profile meter")
	contains(t, "a heading again", out, "f:3: Endpoint: refused: it is the heading once more, and no device", "2 added")
}

// --save-map replaces no file, such as the table itself, but may be given again.
func TestImportSavesMap(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("f", "Name,EP\nx,s1\n")
	_, _, errs := sh.run("import csv $D/f --profile meter --save-map $D/f")
	contains(t, "the table itself", errs, "save what columns are for: open $D/f: file exists")
	for range 2 {
		sh.ok("import csv $D/f --profile meter --save-map $D/map")
	}
	if b, err := os.ReadFile(sh.path("f")); err != nil || string(b) != "Name,EP\nx,s1\n" {
		t.Errorf("the table is %q, error %v", b, err)
	}
}

// Names of variables and accounts keep their case, in a mapping that is saved too.
func TestImportMapKeepsCase(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("f", "EP,City\ns1,Ulm\n")
	sh.ok("import csv $D/f --profile meter --map City=VAR.Site --save-map $D/map")
	contains(t, "mapped", sh.ok("device get s1 --json"), `"Site": "Ulm"`)
	contains(t, "mapped by the file", sh.ok("import csv $D/f --map-file $D/map"), "1 the same")
}

// What was lost before the import is told.
func TestImportTellsWhatWasLost(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("f", "EP,Note,account.main.certificate\ns1,Z\ufffdrich,\ns2,,MIIB\n")
	_, out, _ := sh.run("import csv $D/f --profile meter")
	contains(t, "the report", out, `f:2: warning: column "Note": a character was lost when the table was saved`,
		`column "account.main.certificate" (character 5): it is not PEM: --key-format hex or base64 says how it is written`)
}

// Other files than tables may be in any encoding too.
func TestImportEncodings(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	psk := "e1:00112233445566778899aabbccddee01\ne2:00112233445566778899aabbccddee02\n"
	jsonl := "{\"endpoint\":\"e1\"}\n{\"endpoint\":\"e2\"}\n"
	for how, in := range map[string]func(string) string{
		"UTF-16":          utf16Text,
		"byte order mark": func(s string) string { return "\ufeff" + s },
		"CR":              func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
		"CRLF":            func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	} {
		sh.write("psk", in(psk))
		sh.write("jsonl", in(jsonl))
		contains(t, how, sh.ok("import psk-file $D/psk --profile meter --dry-run"), "2 rows: 2 would be added")
		contains(t, how, sh.ok("import jsonl $D/jsonl --profile meter --dry-run"), "2 rows: 2 would be added")
	}
}

// utf16Text is an ASCII text as Windows saves "Unicode".
func utf16Text(text string) string {
	out := "\xff\xfe"
	for _, b := range []byte(text) {
		out += string([]byte{b, 0})
	}
	return out
}

// A file of rejects is imported by the same command, has all that the rows had, and is there only
// where rows are in it.
func TestImportRejects(t *testing.T) {
	const key = "00112233445566778899aabbccddee"
	for name, c := range map[string]struct{ line, text, wrong, right string }{
		"columns are given": {"csv $D/f --columns endpoint,psk-key --key-format hex", "a," + key + "01\nb," + key + "2\n", key + "2", key + "02"},
		"PSK file":          {"psk-file $D/f", "a:" + key + "01\nb:" + key + "2\n", key + "2", key + "02"},
		"a cell too many":   {"csv $D/f --key-format hex", "endpoint,psk-key\nb," + key + "02,tail\n", ",tail", ""},
		"quotes":            {"csv $D/f", "endpoint,note\nb,\"x\"y\n", ",\"b,\"\"x\"\"y\"", ""},
	} {
		sh := newShell(t)
		sh.ok("profile apply -f $D/meter.yaml")
		sh.write("f", c.text)
		line := "import " + c.line + " --profile meter"
		sh.run(line + " --dry-run --rejects $D/r")
		if _, err := os.Stat(sh.path("r")); err == nil {
			t.Fatalf("%s: a dry run writes rejects", name)
		}
		_, out, errs := sh.run(line + " --rejects $D/r")
		contains(t, name, out+errs, " 1 refused", "import it in the same way")
		b, err := os.ReadFile(sh.path("r"))
		if err != nil {
			t.Fatal(err)
		}
		contains(t, name, string(b), c.wrong)
		again := strings.Replace(line, "$D/f", "$D/r", 1)
		_, out, _ = sh.run(again)
		contains(t, name+", not mended", out, "1 row: 0 added, 0 changed, 0 the same, 1 refused")
		mended := strings.Replace(string(b), c.wrong, c.right, 1)
		if name == "quotes" {
			mended = strings.Replace(mended, "\n,,", "\nb,xy,", 1)
		}
		sh.write("r", mended)
		contains(t, name+", mended", sh.ok(again+" --rejects $D/none"), "1 row: 1 added")
		if _, err := os.Stat(sh.path("none")); err == nil {
			t.Errorf("%s: a file of rejects without any", name)
		}
	}
}

// A file of rejects that exists is told before anything is put.
func TestImportRejectsExist(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("f.csv", "endpoint,profile\na,meter\nb,nosuch\n")
		sh.write("r.csv", "mine")
		for _, more := range []string{"", " --dry-run"} {
			_, out, errs := sh.run("import csv $D/f.csv --rejects $D/r.csv" + more)
			contains(t, "the error", errs, "keep refused rows: open $D/r.csv: file exists")
			lacks(t, "the report", out, "added")
		}
		if list := sh.ok("device list --json"); list != "[]\n" {
			t.Errorf("devices were put: %s", list)
		}
	})
}

// A dry run tells the outcome that the import has.
func TestImportDryRunAgrees(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("0.csv", "endpoint,psk-key,psk-identity\nw1,00112233445566778899aabbccddee01,i1\nw2,00112233445566778899aabbccddee02,i2\n")
		sh.ok("import csv $D/0.csv --key-format hex --profile meter")
		fingerprint := strings.Repeat("0a", 32)
		sh.write("a.csv", "endpoint,psk-identity,certificate-fingerprint,certificate-name\nw1,new,,\nw2,new,,\nf1,,"+fingerprint+",\nf2,,"+strings.ToUpper(fingerprint)+",\nn1,,,name\nn2,,,name\n")
		sh.write("b.csv", "endpoint,psk-identity\nw1,i9\nw2,new\n") // the second takes what the first leaves
		for _, file := range []string{"a.csv", "b.csv"} {
			_, dry, _ := sh.run("import csv $D/" + file + " --profile meter --dry-run")
			_, real, _ := sh.run("import csv $D/" + file + " --profile meter")
			if would := strings.ReplaceAll(dry, "would be ", ""); would != real {
				t.Errorf("%s: the dry run says\n%sand the import\n%s", file, dry, real)
			}
		}
		contains(t, "b.csv", sh.ok("import csv $D/b.csv"), "2 the same")
	})
}

// A row that is too long is refused, and those behind it are imported.
func TestImportGoesOnBehindALongRow(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	long := strings.Repeat("x", 2<<20)
	sh.write("a.csv", "endpoint,note\na,"+long+"\nb,short\n")
	sh.write("b.jsonl", `{"endpoint":"a","note":"`+long+"\"}\n{\"endpoint\":\"c\"}\n")
	for line, want := range map[string][]string{
		"csv $D/a.csv":     {"a.csv:2: refused: the row has more than 1048576 bytes", "2 rows: 1 added, 0 changed, 0 the same, 1 refused"},
		"jsonl $D/b.jsonl": {"b.jsonl:1: refused: it has more than 1048576 bytes", "2 rows: 1 added, 0 changed, 0 the same, 1 refused"},
	} {
		status, out, errs := sh.run("import " + line + " --profile meter")
		if status != exitFailed {
			t.Errorf("%s: status %d", line, status)
		}
		for _, text := range want {
			contains(t, line, out+errs, text)
		}
	}
	sh.ok("device get b")
	sh.ok("device get c")
}
