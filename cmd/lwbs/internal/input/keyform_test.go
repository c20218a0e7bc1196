package input

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// inUTF16 is s as PowerShell writes it into a file.
func inUTF16(s string, mark bool) string {
	var b []byte
	if mark {
		b = []byte{0xff, 0xfe}
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// inUTF16BE is the same the other way round.
func inUTF16BE(s string) string {
	b := []byte(inUTF16(s, true))
	for i := 0; i < len(b); i += 2 {
		b[i], b[i+1] = b[i+1], b[i]
	}
	return string(b)
}

// Whatever is clear is taken, however it is spelled.
func TestKeySpellings(t *testing.T) {
	key := []byte{0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xfb, 0xff}
	digits, standard, url := hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key), base64.URLEncoding.EncodeToString(key)
	var each []string
	for _, b := range key {
		each = append(each, fmt.Sprintf("0x%02X", b))
	}
	list := strings.Join(each, ", ")
	spaced := fmt.Sprintf("% x", key)
	for format, spellings := range map[string][]string{
		"hex": {
			digits, digits + "\n", digits + "\r\n", "\n\n  " + digits + " \t\r\n\n", strings.ToUpper(digits), "0x" + digits, "0X" + digits + "\n",
			spaced, strings.ReplaceAll(spaced, " ", ":"), strings.ReplaceAll(spaced, " ", "-"), strings.ReplaceAll(spaced, " ", ", "),
			list, list + ",\n", "{" + list + "}", "[" + list + "]\n", `"` + digits + `"`, "'" + digits + "'\n", `\x` + strings.ReplaceAll(spaced, " ", `\x`),
			digits[:10] + "\n" + digits[10:20] + "\r\n" + digits[20:], digits[:7] + " " + digits[7:],
			"\ufeff" + digits, digits + "\x00", digits + "\n\x00", digits + "\x00\x00\n",
			inUTF16(digits+"\r\n", true), inUTF16(digits, false), inUTF16BE(digits + "\n"),
		},
		"base64": {
			standard, url, standard + "\r\n", strings.TrimRight(standard, "="), strings.TrimRight(url, "=") + "\n", standard[:23],
			standard[:9] + "\n" + standard[9:] + "\n", `"` + standard + `"`, "\ufeff" + standard, standard + "\x00",
			inUTF16(standard+"\r\n", true), inUTF16(url, false), inUTF16BE(standard),
		},
		"binary": {string(key)},
	} {
		for _, s := range spellings {
			got, warnings, err := KeyForm{format, "--some-format"}.Decode([]byte(s))
			if err != nil || !bytes.Equal(got, key) || len(warnings) > 0 {
				t.Errorf("%s %q: %x, %v, %q", format, s, got, err, warnings)
			}
		}
	}
	for text, want := range map[string]string{
		"ke": "ke", "ke\n": "ke", "ke\r\n": "ke", " ke ": " ke ", "\n": "", "\ufeffke\n": "ke", "k\te": "k\te", "schlüssel\n": "schlüssel",
		inUTF16("ke\r\n", true): "ke", inUTF16BE("ke"): "ke",
	} {
		if got, _, err := (KeyForm{"text", "--some-format"}).Decode([]byte(text)); err != nil || string(got) != want {
			t.Errorf("text %q: %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"a\nb\n\n": "a\nb\n", "a\r\nb": "a\r\nb", inUTF16("ü\n", true): "ü"} {
		if got, _, err := (KeyForm{"text", ""}).Decode([]byte(text)); err != nil || string(got) != want {
			t.Errorf("the text of a Resource %q: %q, %v, want %q", text, got, err, want)
		}
	}
}

// What is not clear is told exactly, without the key, and never with the advice to take
// digits for text.
func TestKeysThatAreNotClear(t *testing.T) {
	for _, tt := range []struct{ format, text, want string }{
		{"hex", strings.Repeat("a", 31), "31 hexadecimal digits: one is missing or too many"},
		{"hex", "0x" + strings.Repeat("a", 33) + "\n", "33 hexadecimal digits: one is missing or too many"},
		{"hex", "a", "1 hexadecimal digit: one is missing or too many"},
		{"hex", "00:11:2:3", "group 3 of 4 has 1 hexadecimal digit: one is missing or too many"},
		{"hex", "1 2 3 4", "group 1 of 4 has 1 hexadecimal digit: one is missing, or there is a space too many"},
		{"hex", "0x1, 0x2", "group 1 of 2 has 1 hexadecimal digit: one is missing or too many"},
		{"hex", "0011223g", "character 8 is no hexadecimal digit"},
		{"hex", "00112233\n4455O677", "character 5 of line 2 is no hexadecimal digit: it is a letter O"},
		{"hex", "\n\n0011 l1", "character 6 of line 3 is no hexadecimal digit: it is a letter l or I"},
		{"hex", "key: 0011", "2 of 9 characters are no hexadecimal digit, the first is character 1"},
		{"hex", "0011\x002233", "character 5 is no hexadecimal digit: it is a zero byte"},
		{"hex", "MTIzNDU2Nzg5MDEyMzQ1Ng==", "say --some-format base64 if it is that"},
		{"hex", "\xff\xfe0", "it is UTF-16, and ends in the middle of a character"},
		{"base64", "AAAAA", "5 characters of Base64: one is missing or too many"},
		{"base64", "AA-A+AAA", "it has letters of Base64, + or /, and of Base64url, - or _"},
		{"base64", "AAAA=", "1 = behind 4 characters of Base64"},
		{"base64", "AA===", "3 = behind 2 characters of Base64"},
		{"base64", "AAB", "3 characters of Base64, the last of which cannot be the last"},
		{"base64", "AA*A", "character 3 is no letter of Base64"},
		{"base64", "AA=A", "character 3 is no letter of Base64"},
		{"text", "ke\n\n", "the text has more than one line end: take away all but the last, or say --some-format binary if that belongs to the key"},
		{"text", "k\ne", "the text has more than one line end"},
		{"text", "ke\r", "the text has more than one line end"},
		{"text", "ke\x00", "byte 3 of the text is zero, as no text has it: take it away"},
		{"text", "k\x00e\x00", "it looks like UTF-16: save it as UTF-8"},
		{"text", inUTF16("schlüssel", true), "it is UTF-16 with characters beyond ASCII"},
	} {
		_, _, err := KeyForm{tt.format, "--some-format"}.Decode([]byte(tt.text))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %q: %v, want %q", tt.format, tt.text, err, tt.want)
		} else if strings.Contains(err.Error(), " text if") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s %q: %v", tt.format, tt.text, err)
		}
	}
}

func TestOddKeysAreWarnedOf(t *testing.T) {
	random := "\x9f\x86\xd0\x81\x88\x4c\x7d\x65\x9a\x2f\xea\xa0\xc5\x5a\xd0\x15"
	for _, tt := range []struct{ format, text, want string }{
		{"binary", random, ""},
		{"text", "correct horse battery", ""},
		{"hex", "9f", "a key of 1 byte is easy to guess: 16 random bytes are usual"},
		{"text", "secret", "a key of 6 bytes is easy to guess"},
		{"hex", strings.Repeat("00", 16), "all its bytes are zero"},
		{"hex", strings.Repeat("ff", 16), "all its bytes are the same"},
		{"hex", "000102030405060708090a0b0c0d0e0f", "its bytes only count up or down"},
		{"hex", "00112233445566778899aabbccddeeff", "its bytes only count up or down"},
		{"text", "9f86d081884c7d659a2feaa0c55ad015\n", "it looks like 16 bytes in hexadecimal, and as text it is a key of 32 bytes: say --some-format hex if it is that"},
		{"text", "9f:86:d0:81:88:4c:7d:65", "it looks like 8 bytes in hexadecimal"},
		{"text", "n4bQgYhMfWWaL+qgxVrQFQ==", "it looks like Base64, and as text it is a key of 24 bytes: say --some-format base64 if it is that"},
		{"base64", "9f86d081884c7d659a2feaa0c55ad015", "it looks like 32 hexadecimal digits, and as Base64 it is a key of 24 bytes: say --some-format hex if it is that"},
		{"binary", "9f86d081884c7d659a2feaa0c55ad015\n", "it looks like 32 hexadecimal digits, and as binary it is a key of 33 bytes"},
		{"binary", "a passphrase of words\n", "it ends with the end of a line, which is part of the key"},
		{"binary", "\ufeffa passphrase of words", "it begins with a byte order mark, which is part of the key"},
		{"text", "correct horse battery ", "it begins or ends with a space"},
		{"text", "correct horse b\xe4ttery", "it is not UTF-8"},
		{"text", "\ufeffcorrect horse battery", "the file begins with a byte order mark: taken is the text in it, 21 bytes"},
		{"text", inUTF16("correct horse battery\r\n", true), "the file is in UTF-16: taken is the text in it, 21 bytes"},
	} {
		key, warnings, err := KeyForm{tt.format, "--some-format"}.Decode([]byte(tt.text))
		if warnings = append(warnings, Weaknesses(key)...); err != nil || (tt.want == "") != (len(warnings) == 0) || !strings.Contains(strings.Join(warnings, "\n"), tt.want) {
			t.Errorf("%s %q: %q, %v, want %q", tt.format, tt.text, warnings, err, tt.want)
		}
	}
}

// Whatever is in a file, it is taken or refused in one line that has nothing of it.
func FuzzKeyForms(f *testing.F) {
	for _, s := range []string{"0x00:11", "AAEC_w", "\ufeffab\x00", "a\n\n", "\xff\xfea\x00b\x00", "{0x1,}", `"=="`, "O0"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, format := range []string{"hex", "base64", "text", "binary"} {
			key, warnings, err := KeyForm{format, "--some-format"}.Decode(b)
			if err != nil && (strings.ContainsAny(err.Error(), "\n\x00") || len(err.Error()) > 300) {
				t.Errorf("%s %q: %q", format, b, err)
			}
			if err != nil {
				continue
			}
			switch format {
			case "hex":
				if again, _, err := (KeyForm{format, "-"}).Decode([]byte(hex.EncodeToString(key))); err != nil || !bytes.Equal(again, key) {
					t.Errorf("hex %q gives %x, and that %x, %v", b, key, again, err)
				}
			case "base64":
				if again, _, err := (KeyForm{format, "-"}).Decode([]byte(base64.RawURLEncoding.EncodeToString(key))); err != nil || !bytes.Equal(again, key) {
					t.Errorf("base64 %q gives %x, and that %x, %v", b, key, again, err)
				}
			case "binary":
				if !bytes.Equal(key, b) {
					t.Errorf("binary %x gives %x, %q", b, key, warnings)
				}
			}
		}
	})
}
