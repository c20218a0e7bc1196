// Package filekind knows files by how they begin, so that one of another kind than was asked for is named as
// what it is.
package filekind

import (
	"bytes"
	"strings"
)

// A Kind is what a file is.
type Kind struct {
	Name  string // with its article, such as "a PDF"
	Table string // how a table is got out of it; empty where that is not known
}

// XML is the name of the kind of a file that declares itself to be XML.
const XML = "XML"

// peeked is how much of the beginning tells the kind at most, in bytes.
const peeked = 4096

const (
	saveSheet = "save the sheet as \"CSV UTF-8\""
	unpack    = "unpack it first"
)

// Kinds by their beginning. Text is compared without regard to case.
var magics = []struct {
	magic string
	kind  Kind
}{
	{"\xd0\xcf\x11\xe0", Kind{"an old Excel workbook (.xls)", saveSheet}},
	{"%PDF", Kind{"a PDF", "no table can be read from it"}},
	{"\x1f\x8b", Kind{"compressed (gzip)", "decompress it first"}},
	{"BZh", Kind{"compressed (bzip2)", "decompress it first"}},
	{"\xfd7zXZ", Kind{"compressed (xz)", "decompress it first"}},
	{"\x28\xb5\x2f\xfd", Kind{"compressed (zstd)", "decompress it first"}},
	{"7z\xbc\xaf\x27\x1c", Kind{"a 7-Zip archive", unpack}},
	{"Rar!\x1a", Kind{"a RAR archive", unpack}},
	{"{\\rtf", Kind{"a document (RTF)", "save the table as CSV"}},
	{"\x89PNG", Kind{"a picture (PNG)", ""}},
	{"\xff\xd8\xff", Kind{"a picture (JPEG)", ""}},
	{"SQLite format 3", Kind{"an SQLite database", "export its table as CSV"}},
	{"PAR1", Kind{"a Parquet file", "export it as CSV"}},
	{"\x7fELF", Kind{"a program", ""}},
	{"MZ\x90", Kind{"a program", ""}},
	{"age-encryption.org/", Kind{"encrypted (age)", "decrypt it: age -d -i key.txt FILE"}},
	{"-----begin age encrypted file", Kind{"encrypted (age)", "decrypt it: age -d -i key.txt FILE"}},
	{"-----begin pgp message", Kind{"encrypted (PGP)", "decrypt it first"}},
	{"-----begin ", Kind{"PEM, such as a key or a certificate", ""}},
	{"<?xml", Kind{XML, "save the table as CSV"}},
	{"<!doctype html", Kind{"a web page", "save the table as CSV"}},
	{"<html", Kind{"a web page", "save the table as CSV"}},
}

// Of returns the kind of a file by its beginning; ok is false for one that is not known, such as text.
func Of(head []byte) (k Kind, ok bool) {
	head = head[:min(len(head), peeked)]
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if kind, ok := zipped(head); ok {
		return kind, true
	}
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) || m.magic[0] >= ' ' && m.magic[0] < 0x7f && hasPrefixFold(text, m.magic) {
			return m.kind, true
		}
	}
	const tar = 257
	if len(head) > tar+5 && string(head[tar:tar+5]) == "ustar" {
		return Kind{"a tar archive", unpack}, true
	}
	return Kind{}, false
}

func hasPrefixFold(text []byte, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(string(text[:len(prefix)]), prefix)
}

// zipped is the kind of a ZIP archive, which office documents are.
func zipped(head []byte) (Kind, bool) {
	switch {
	case !bytes.HasPrefix(head, []byte("PK\x03\x04")) && !bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return Kind{}, false
	case bytes.Contains(head, []byte("opendocument.spreadsheet")):
		return Kind{"a LibreOffice workbook (.ods)", saveSheet}, true
	case bytes.Contains(head, []byte("word/")):
		return Kind{"a Word document (.docx)", "save the table as CSV"}, true
	case bytes.Contains(head, []byte("xl/")):
		return Kind{"an Excel workbook (.xlsx)", saveSheet}, true
	case bytes.Contains(head, []byte("[Content_Types].xml")), bytes.Contains(head, []byte("docProps/")), bytes.Contains(head, []byte("_rels/")):
		return Kind{"an office document, such as an Excel workbook (.xlsx)", saveSheet}, true
	}
	const name = 30 // of the first file in it, whose length stands before
	if len(head) > name {
		if n := int(head[26]) | int(head[27])<<8; n > 0 && len(head) >= name+n {
			return Kind{"a ZIP archive", unpack}, true
		}
	}
	return Kind{"an Excel workbook (.xlsx) or another archive", saveSheet}, true
}

// JSON reports whether a text begins as JSON of an object or an array does.
func JSON(head []byte) bool {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	if len(text) == 0 || text[0] != '{' && text[0] != '[' {
		return false
	}
	next := bytes.TrimLeft(text[1:], " \t\r\n")
	return len(next) == 0 || bytes.IndexByte([]byte(`"{[]}`), next[0]) >= 0
}
