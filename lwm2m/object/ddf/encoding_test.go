package ddf_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"

	"lwbs/lwm2m/object/ddf"
)

func inUTF16(text string, order binary.AppendByteOrder) (b []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return b
}

func in(t *testing.T, e encoding.Encoding, text string) []byte {
	t.Helper()
	b, err := e.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Files are read in the encodings that editors and programs write, also where they declare
// another.
func TestEncodings(t *testing.T) {
	valveIn := func(declaration, name string) string {
		text := string(valve(t, "Opening", name))
		start, end := strings.Index(text, "<?xml"), strings.Index(text, "?>")+2
		return text[:start] + declaration + text[end:]
	}
	declared := func(label, name string) string {
		return valveIn(`<?xml version="1.0" encoding="`+label+`"?>`, name)
	}
	tests := []struct {
		label, name string
		encode      func(text string) []byte
	}{
		{"utf8", "Öffnung", func(text string) []byte { return []byte(text) }},
		{"UTF-8", "Öffnung", func(text string) []byte { return []byte("\ufeff" + text) }},
		{"us-ascii", "Opening", func(text string) []byte { return []byte(text) }},
		{"ASCII", "Opening", func(text string) []byte { return []byte(text) }},
		{"US-ASCII", "Öffnung", func(text string) []byte { return []byte(text) }}, // in truth UTF-8
		{"ISO-8859-1", "Öffnung", func(text string) []byte { return in(t, charmap.ISO8859_1, text) }},
		{"iso8859-1", "Öffnung", func(text string) []byte { return in(t, charmap.ISO8859_1, text) }},
		{"latin1", "Öffnung", func(text string) []byte { return in(t, charmap.ISO8859_1, text) }},
		{"ISO-8859-1", "0 – 5 €", func(text string) []byte { return in(t, charmap.Windows1252, text) }},
		{"windows-1252", "0 – 5 €", func(text string) []byte { return in(t, charmap.Windows1252, text) }},
		{"cp1252", "Öffnung", func(text string) []byte { return in(t, charmap.Windows1252, text) }},
		{"ISO-8859-2", "Otwór ść", func(text string) []byte { return in(t, charmap.ISO8859_2, text) }},
		{"ISO-8859-15", "5 €", func(text string) []byte { return in(t, charmap.ISO8859_15, text) }},
		{"windows-1251", "Клапан", func(text string) []byte { return in(t, charmap.Windows1251, text) }},
		{"x-cp1251", "Клапан", func(text string) []byte { return in(t, charmap.Windows1251, text) }},
		{"KOI8-R", "Клапан", func(text string) []byte { return in(t, charmap.KOI8R, text) }},
		{"IBM850", "Öffnung", func(text string) []byte { return in(t, charmap.CodePage850, text) }},
		{"cp437", "Öffnung", func(text string) []byte { return in(t, charmap.CodePage437, text) }},
		{"macintosh", "Öffnung", func(text string) []byte { return in(t, charmap.Macintosh, text) }},
		{"GB2312", "阀门", func(text string) []byte { return in(t, simplifiedchinese.GBK, text) }},
		{"gb18030", "阀门", func(text string) []byte { return in(t, simplifiedchinese.GB18030, text) }},
		{"UTF-16", "Öffnung", func(text string) []byte { return inUTF16("\ufeff"+text, binary.LittleEndian) }},
		{"UTF-16", "Öffnung", func(text string) []byte { return inUTF16("\ufeff"+text, binary.BigEndian) }},
		{"utf-16le", "Öffnung", func(text string) []byte { return inUTF16(text, binary.LittleEndian) }},
		{"UTF-8", "Öffnung", func(text string) []byte { return inUTF16("\ufeff"+text, binary.LittleEndian) }},
		{"utf-16", "Öffnung", func(text string) []byte { return []byte(text) }}, // of a program that made it as text
		{"Shift_JIS", "Opening", func(text string) []byte { return []byte(text) }},
	}
	for _, tt := range tests {
		t.Run(tt.label+" "+tt.name, func(t *testing.T) {
			defs, problems := ddf.Read("x.xml", tt.encode(declared(tt.label, tt.name)))
			if len(problems) > 0 || len(defs) != 1 || defs[0].Resources[0].Name != tt.name {
				t.Errorf("read as %+v, %v, want the name %q", defs, problems, tt.name)
			}
		})
	}
	for _, declaration := range []string{`<?xml version='1.0' encoding='iso-8859-1' standalone="yes"?>`, "\n<?xml version=\"1.1\" encoding = \"latin1\"?>", "<!-- a licence\n -->\n<?xml version=\"1.0\" encoding=\"windows-1252\"?>"} {
		defs, problems := ddf.Read("x.xml", in(t, charmap.ISO8859_1, valveIn(declaration, "Öffnung")))
		if len(problems) > 0 || len(defs) != 1 || defs[0].Resources[0].Name != "Öffnung" {
			t.Errorf("%s: read as %+v, %v", declaration, defs, problems)
		}
	}
	if defs, problems := ddf.Read("x.xml", []byte(valveIn("", "Öffnung"))); len(problems) > 0 || len(defs) != 1 {
		t.Errorf("without a declaration: %+v, %v", defs, problems)
	}
}

// A file that is not in the encoding that it says is read as what it most likely is, with a
// note; one that cannot be read is named with what to do.
func TestOtherEncodingThanDeclared(t *testing.T) {
	text := string(valve(t, "Opening", "Öffnung"))
	defs, problems := ddf.Read("x.xml", in(t, charmap.Windows1252, text))
	const note = "x.xml:15: this is not UTF-8: the file is read as windows-1252"
	if len(defs) != 1 || defs[0].Resources[0].Name != "Öffnung" || len(problems) != 1 || problems[0].Lost || problems[0].String() != note {
		t.Errorf("windows-1252 as UTF-8: %+v, %v, want %q", defs, problems, note)
	}
	for label, want := range map[string]string{
		"Shift_JIS": `x.xml:1: the encoding "Shift_JIS" is not read here: save the file as UTF-8`,
		"klingon":   `x.xml:1: the encoding "klingon" is not read here: save the file as UTF-8`,
	} {
		b := []byte(strings.Replace(text, "UTF-8", label, 1))
		if defs, problems := ddf.Read("x.xml", b); len(defs) > 0 || len(problems) != 1 || !problems[0].Lost || problems[0].String() != want {
			t.Errorf("%s: %+v, %v, want %q", label, defs, problems, want)
		}
	}
	utf32 := []byte{0xff, 0xfe, 0, 0}
	for _, r := range text {
		utf32 = binary.LittleEndian.AppendUint32(utf32, uint32(r))
	}
	if _, problems := ddf.Read("x.xml", utf32); len(problems) != 1 || !strings.Contains(problems[0].String(), "UTF-32 is not read here: save the file as UTF-8") {
		t.Errorf("UTF-32: %v", problems)
	}
}
