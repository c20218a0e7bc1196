package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// vendorList is a table as a spreadsheet of a vendor saves it: headings of its own, a byte order
// mark, semicolons, and damage.
const vendorList = "\ufeffIMEI;PSK ID;PSK Key;Labels;var.site;Model\r\n" +
	"490154203237518;id1;00112233445566778899aabbccddee0f;lot7|north;\"Hall 3;\nleft\";X1\r\n" + // all of it
	"49015420323752;id2;ffeeddccbbaa99887766554433221100;;;X1\r\n" + // a digit is missing
	"350123450000068;;0123;;;X1\r\n" + // a short key
	"3,58E+14;id3;00112233445566778899aabbccddee01;;;X1\r\n" + // shortened
	"350123450000043;;00112233445566778899aabbccddee0;;;X1\r\n" + // an odd number of digits
	";;;;;\r\n" + // nothing
	"490154203237518;id4;00112233445566778899aabbccddee02;;;X1\r\n" // the first once more

// A vendor's table is imported after a dry run; what is refused says where and why, and is kept to be
// mended; what is mended is imported; a second time changes nothing.
func TestImportCSV(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("v.csv", vendorList)
		line := "import csv $D/v.csv --key-format hex --profile meter --endpoint urn:imei:{{.IMEI}} --tag may"
		status, out, errs := sh.run(line + " --dry-run")
		if status != exitFailed {
			t.Errorf("dry run: status %d", status)
		}
		contains(t, "dry run", out, "6 rows: 2 would be added, 0 would be changed, 0 the same, 4 refused")
		contains(t, "dry run", errs, "not read: Model", "4 of 6 rows refused")
		if list := sh.ok("device list --json"); list != "[]\n" {
			t.Fatalf("after a dry run there are devices: %s", list)
		}

		status, out, errs = sh.run(line + " --rejects $D/mend.csv")
		if status != exitFailed {
			t.Errorf("status %d", status)
		}
		contains(t, "import", out,
			`v.csv:4: urn:imei:49015420323752: refused: the IMEI has 14 digits in place of 15`,
			`v.csv:5: warning: key: a key of 2 bytes is easy to guess`,
			`v.csv:6: refused: IMEI: 3,58E+14 is a long number that a spreadsheet has shortened`,
			`v.csv:7: refused: column "PSK Key" (character 18): 31 hexadecimal digits: one is missing or too many`,
			`v.csv:9: urn:imei:490154203237518: refused: line 2 has the same endpoint name, urn:imei:490154203237518`,
			"6 rows: 2 added, 0 changed, 0 the same, 4 refused")
		contains(t, "import", errs, "4 of 6 rows refused: they are in", "mend.csv")
		contains(t, "the record", sh.ok("device get urn:imei:490154203237518 --reveal"), "id1", "00112233445566778899aabbccddee0f", "lot7", "north", "may", "Hall 3;")
		lacks(t, "the report", out, "00112233445566778899aabbccddee0f")
		lacks(t, "the report", out, "ffeeddccbbaa99887766554433221100")

		_, out, _ = sh.run(line)
		contains(t, "a second time", out, "6 rows: 0 added, 0 changed, 2 the same, 4 refused")
		contains(t, "a record that is the same", sh.ok("device get urn:imei:490154203237518 --json"), `"revision": 1`)

		mended := sh.path("mend.csv")
		text, err := os.ReadFile(mended)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, "the rejects", string(text), "IMEI;PSK ID;PSK Key;Labels;var.site;Model;line;error\n", "49015420323752;id2;ffeeddccbbaa99887766554433221100;;;X1;4;")
		if info, err := os.Stat(mended); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file of keys has mode %v, error %v", info.Mode(), err)
		}
		sh.write("mend.csv", strings.NewReplacer("49015420323752;", "490154203237526;", "3,58E+14", "350123450000084", "ddee0;", "ddee00;", "490154203237518;", "350123450000092;").Replace(string(text)))
		contains(t, "what was mended", sh.ok(strings.Replace(line, "v.csv", "mend.csv", 1)), "4 rows: 4 added")
	})
}

// An empty cell changes nothing, and a row changes what it names.
func TestImportChanges(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("a.csv", "endpoint,psk-key,tag,note,var.x\ndev,00112233445566778899aabbccddeeff,one,first,1\n")
		sh.write("b.csv", "Endpoint Client Name\tTags\tNote\tvar.y\ndev\ttwo\t\t2\n")
		sh.ok("import csv $D/a.csv --key-format hex --profile meter")
		contains(t, "the change", sh.ok("import csv $D/b.csv"), "1 row: 0 added, 1 changed, 0 the same, 0 refused")
		contains(t, "the record", sh.ok("device get dev --reveal"), "00112233445566778899aabbccddeeff", "one", "two", "first", "x", "y")
	})
}

// Other files of devices.
func TestImportOtherFiles(t *testing.T) {
	inBothModes(t, func(t *testing.T, sh *shell) {
		sh.write("psk.txt", "# made today\nurn:dev:ops:1:00112233445566778899aabbccddeeff\nid 2:ffeeddccbbaa99887766554433221100\nno colon\nurn:dev:ops:3:0g\n")
		_, out, errs := sh.run("import psk-file $D/psk.txt --profile meter")
		contains(t, "psk-file", out+errs, "2 added", "3 refused", `psk.txt:5: refused: column "psk-key" (character 15): character 2 is no hexadecimal digit`)
		contains(t, "psk-file", sh.ok("device get urn:dev:ops:1 --reveal"), "00112233445566778899aabbccddeeff")
		sh.write("d.jsonl", `{"endpoint": "j1", "profile": "meter", "psk": {"key": "AAECAwQFBgcICQoLDA0ODw=="}, "vars": {"a": "b"}}`+"\n\n"+`{"endpoint": "j2", "profle": "meter"}`+"\n"+`{"profile": "meter"}`+"\n")
		_, out, _ = sh.run("import jsonl $D/d.jsonl")
		contains(t, "jsonl", out, `d.jsonl:3: j2: refused: it is not the JSON of a device: there is no member "profle"`, "d.jsonl:4: refused: it has no member endpoint", "3 rows: 1 added")
		sh.write("coiote.csv", "\"c1\",\"00112233445566778899aabbccddee11\"\n")
		contains(t, "no heading", sh.ok("import csv $D/coiote.csv --columns endpoint,psk-key --key-format hex --profile meter"), "1 row: 1 added")
		sh.write("sims.csv", "IDENTIFIER,Ki,LABELS\ns1,00112233445566778899aabbccddee22,a|b\n")
		contains(t, "mapped", sh.ok("import csv $D/sims.csv --map IDENTIFIER=endpoint,Ki=psk-key --key-format hex --profile meter --save-map $D/sims.map"), "1 row: 1 added")
		contains(t, "the mapping of a file", sh.ok("import csv $D/sims.csv --map-file $D/sims.map --key-format hex"), "1 the same")
	})
}

// The report in JSON has every row, and the sum.
func TestImportCSVInJSON(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("v.csv", "endpoint,profile\na,meter\nb,nosuch\n")
	_, out, _ := sh.run("import csv $D/v.csv --json")
	var report struct {
		DryRun bool
		Rows   []struct {
			Line                     int
			Endpoint, Outcome, Error string
		}
		Summary map[string]int
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || len(report.Rows) != 2 || report.Rows[1].Outcome != "refused" || report.Rows[1].Error == "" || report.Summary["added"] != 1 {
		t.Errorf("error %v, report %s", err, out)
	}
}

// What a file or an option lacks is one line with what to do; nothing is put.
func TestImportCSVMistakes(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	sh.write("v.csv", "IMEI,PSK,Model\n1,00,X\n")
	sh.write("near.csv", "endpoint,PSK Kye\na,00\n")
	sh.write("twice.csv", "endpoint,Tag,Labels\na,x,y\n")
	sh.write("book.csv", "PK\x03\x04....")
	sh.write("old.csv", "endpoint\n")
	for line, want := range map[string]string{
		"import csv $D/v.csv":                                       "no column has the endpoint names: say which with --map COLUMN=endpoint",
		"import csv $D/v.csv --endpoint {{.IMEI}}":                  "a column has keys: --key-format hex, base64 or text says how they are written",
		"import csv $D/v.csv --endpoint {{.Imei --key-format hex":   "the template for endpoint: ",
		"import csv $D/v.csv --map Nope=endpoint":                   `there is no column "Nope": the columns are "IMEI", "PSK", "Model"`,
		"import csv $D/v.csv --map IMEI=endpiont":                   "--map IMEI=endpiont: a column can be for certificate-fingerprint,",
		"import csv $D/v.csv --key-format binary --endpoint x":      `--key-format "binary" is not hex, base64 or text`,
		"import csv $D/near.csv --key-format hex":                   `column "PSK Kye" is not known: if it is psk-key, say --map "PSK Kye=psk-key"; if not, --ignore "PSK Kye"`,
		"import csv $D/twice.csv":                                   `columns "Tag" and "Labels" are both taken for tag`,
		"import csv $D/book.csv":                                    "it is an Excel workbook (.xlsx)",
		"import csv $D/nosuch.csv":                                  "no such file",
		"import csv $D":                                             "it is a folder",
		"import csv $D/v.csv --endpoint {{.Nope}} --key-format hex": `the template for endpoint: no column is {{.Nope}}: the columns are "IMEI", "PSK", "Model"`,
		"import csv":             "expected FILE, got 0 arguments",
		"import jsonl $D/nosuch": "no such file",
	} {
		status, out, errs := sh.run(line)
		if status == exitDone || strings.Count(errs, "\n") > 2 || !strings.Contains(errs, want) {
			t.Errorf("%s: status %d\n%s%s", line, status, out, errs)
		}
	}
	sh.write("keep.csv", "something")
	sh.write("bad.csv", "endpoint,profile\na,nosuch\n")
	_, _, errs := sh.run("import csv $D/bad.csv --rejects $D/keep.csv")
	contains(t, "a file for rejects that exists", errs, "keep.csv: file exists")
	if list := sh.ok("device list --json"); list != "[]\n" {
		t.Errorf("there are devices: %s", list)
	}
}

// A table of any size takes little memory, and its rows keep their lines.
func TestImportManyRows(t *testing.T) {
	sh := newShell(t)
	sh.ok("profile apply -f $D/meter.yaml")
	var text strings.Builder
	text.WriteString("endpoint,profile,no-sec\n")
	const n = 3000
	for i := range n {
		fmt.Fprintf(&text, "dev-%d,meter,yes\n", i)
		if i%1000 == 500 {
			fmt.Fprintf(&text, "dev-%d,meter,maybe\n", i)
		}
	}
	sh.write("many.csv", text.String())
	_, out, _ := sh.run("import csv $D/many.csv")
	var refused []string
	for line := range strings.Lines(out) {
		if strings.Contains(line, "refused: column") {
			refused = append(refused, line)
		}
	}
	if len(refused) != 3 || !slices.ContainsFunc(refused, func(l string) bool { return strings.Contains(l, "many.csv:1504: ") }) {
		t.Errorf("refused are %q", refused)
	}
	contains(t, "the sum", out, fmt.Sprintf("%d rows: %d added, 0 changed, 0 the same, 3 refused", n+3, n))
}
