package ddf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// declaration is the XML declaration at the start of a file; comments may be before it,
// as the licence is in files of the registry.
var declaration = regexp.MustCompile(`^(?:\s|<!--(?s:.*?)-->)*(<\?xml\s[^>]*\?>)`)

var declaredEncoding = regexp.MustCompile(`\sencoding\s*=\s*["']([^"']*)["']`)

// toUTF8 returns the text of a file in UTF-8, without its XML declaration and with the same lines. The
// encoding that the bytes show takes precedence over the declaration: editors and programs change one
// without the other.
func toUTF8(name string, b []byte) ([]byte, []Problem) {
	if bytes.HasPrefix(b, []byte{0xff, 0xfe, 0, 0}) || bytes.HasPrefix(b, []byte{0, 0, 0xfe, 0xff}) {
		return nil, []Problem{{name, 1, "UTF-32 is not read here: save the file as UTF-8", true}}
	}
	if text, ok := fromUTF16(b); ok {
		return withoutDeclaration(text), nil
	}
	b, marked := bytes.CutPrefix(b, []byte("\ufeff"))
	label := encodingOf(b)
	text := withoutDeclaration(b)
	if marked || isASCII(b) {
		label = "UTF-8"
	}
	from, known := encodingNamed(label)
	switch {
	case !known:
		return nil, []Problem{{name, 1, fmt.Sprintf("the encoding %q is not read here: save the file as UTF-8", label), true}}
	case from == nil && utf8.Valid(text):
		return text, nil
	case from == nil:
		line := 1 + bytes.Count(text[:invalidUTF8(text)], []byte("\n"))
		out, problems := transcode(name, charmap.Windows1252, text)
		return out, append(problems, Problem{name, line, "this is not UTF-8: the file is read as windows-1252", false})
	}
	return transcode(name, from, text)
}

func transcode(name string, from encoding.Encoding, b []byte) ([]byte, []Problem) {
	text, err := from.NewDecoder().Bytes(b)
	if err != nil {
		return nil, []Problem{{name, 1, fmt.Sprintf("it is not in %v: %v", from, err), true}}
	}
	return text, nil
}

// fromUTF16 returns the text of a file in UTF-16, which a byte order mark shows or that
// every other byte of its first character is zero; ok is false for any other file.
func fromUTF16(b []byte) (_ []byte, ok bool) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xfe}), len(b) > 1 && b[0] != 0 && b[1] == 0:
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte{0xfe, 0xff}), len(b) > 1 && b[0] == 0 && b[1] != 0:
		order = binary.BigEndian
	default:
		return nil, false
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return bytes.TrimPrefix([]byte(string(utf16.Decode(units))), []byte("\ufeff")), true
}

// encodingOf returns the encoding that the declaration of a file names; UTF-8 where it names none.
func encodingOf(b []byte) string {
	if d := declaration.FindSubmatch(b); d != nil {
		if m := declaredEncoding.FindSubmatch(d[1]); m != nil {
			return string(m[1])
		}
	}
	return "UTF-8"
}

// withoutDeclaration blanks out the declaration: encoding/xml would believe its encoding, and accepts
// version 1.0 only.
func withoutDeclaration(b []byte) []byte {
	d := declaration.FindSubmatchIndex(b)
	if d == nil {
		return b
	}
	blank := bytes.Map(func(r rune) rune {
		if r == '\n' {
			return r
		}
		return ' '
	}, b[d[2]:d[3]])
	return bytes.Join([][]byte{b[:d[2]], blank, b[d[3]:]}, nil)
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// invalidUTF8 returns the index of the first byte that is not UTF-8; len(b) where there is none.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// otherNames of encodings, folded, and those that the tables below have. ISO 8859-1 is
// read as windows-1252, which has letters where that has control characters.
var otherNames = map[string]string{
	"utf8": "", "ascii": "", "usascii": "", "ansix341968": "", "iso646us": "", "utf16": "", "utf16le": "", "utf16be": "", "ucs2": "", "unicode": "",
	"latin1": "windows1252", "iso88591": "windows1252", "l1": "windows1252", "ibm819": "windows1252", "cp819": "windows1252", "ansi": "windows1252",
	"latin2": "iso88592", "latin9": "iso885915", "mac": "macintosh", "macroman": "macintosh",
	"gb2312": "gbk", "euccn": "gbk", "cp936": "gbk", "ms936": "gbk",
}

// encodingNamed finds an encoding by its name, letter case and signs ignored. It is nil
// for UTF-8; a file that says UTF-16 and has none of its marks is UTF-8, too.
func encodingNamed(label string) (_ encoding.Encoding, known bool) {
	want := strings.TrimPrefix(foldWord(label), "x")
	if other, ok := otherNames[want]; ok {
		want = other
	}
	if want == "" {
		return nil, true
	}
	if page, ok := strings.CutPrefix(want, "cp"); ok && strings.HasPrefix(page, "125") {
		want = "windows" + page
	} else if ok {
		want = "ibm" + page
	}
	for _, e := range append(charmap.All, simplifiedchinese.GBK, simplifiedchinese.GB18030) {
		if name := strings.Replace(foldWord(fmt.Sprint(e)), "codepage", "", 1); name == want {
			return e, true
		}
	}
	return nil, false
}
