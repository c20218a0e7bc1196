package filekind

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"testing"
)

// zipOf is an archive with files of these names.
func zipOf(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("text")); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestOf(t *testing.T) {
	var gz, tape bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write([]byte("endpoint\n")); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(&tape)
	if err := tw.WriteHeader(&tar.Header{Name: "a.csv", Size: 0, Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		string(zipOf(t, "a.csv")): "a ZIP archive", string(zipOf(t)): "an Excel workbook (.xlsx) or another archive",
		string(zipOf(t, "[Content_Types].xml", "_rels/.rels", "xl/workbook.xml")): "an Excel workbook (.xlsx)",
		string(zipOf(t, "[Content_Types].xml", "word/document.xml")):              "a Word document (.docx)",
		string(zipOf(t, "docProps/app.xml")):                                      "an office document, such as an Excel workbook (.xlsx)",
		"PK\x03\x04....":                                                          "an Excel workbook (.xlsx) or another archive",
		gz.String():                                                               "compressed (gzip)", tape.String(): "a tar archive",
		"%PDF-1.7\n": "a PDF", "\xd0\xcf\x11\xe0\xa1\xb1": "an old Excel workbook (.xls)",
		"\ufeff <!DOCTYPE HTML>": "a web page", "\n<HTML lang=de>": "a web page", "<?xml version": "XML",
		"age-encryption.org/v1\n->": "encrypted (age)", "-----BEGIN AGE ENCRYPTED FILE-----": "encrypted (age)",
		"-----BEGIN CERTIFICATE-----": "PEM, such as a key or a certificate",
		"":                            "", "endpoint;psk-key\n": "", "{\"a\": 1}": "", "agent,key\n": "", "name: meter\n": "",
	} {
		k, ok := Of([]byte(text))
		if k.Name != want || ok != (want != "") {
			t.Errorf("%.20q is %q, want %q", text, k.Name, want)
		}
	}
}

func TestJSON(t *testing.T) {
	for text, want := range map[string]bool{
		`{"a":1}`: true, " [ {": true, "[]": true, "{": true, "\ufeff{ \"x\"": true, "{x}": false, "[Server]": false, "a{": false, "": false,
	} {
		if JSON([]byte(text)) != want {
			t.Errorf("%q is taken for the other", text)
		}
	}
}
