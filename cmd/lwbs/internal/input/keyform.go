// Package input reads what people and tools have written: files, pipes and standard input within
// limits; text in any encoding; keys and certificates in any of their usual forms.
package input

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"lwbs/cmd/lwbs/internal/output"
)

// A KeyForm is how a key is written, and the option that says so. Without an option it is the
// text of a Resource, which may have several lines.
type KeyForm struct {
	Format string // hex, base64, text or binary
	Option string // such as --psk-key-format
}

// IsText reports whether it is the text of a Resource and not a key.
func (f KeyForm) IsText() bool { return f.Option == "" }

// Decode returns the key in a file, and warnings about it. Warnings and errors repeat nothing of
// the key.
func (f KeyForm) Decode(b []byte) (key []byte, warnings []string, err error) {
	if f.Format == "binary" {
		return b, f.oddBytes(b), nil
	}
	plain, how, err := UTF8(b)
	if err != nil {
		return nil, nil, err
	}
	switch f.Format {
	case "hex":
		key, err = decodeHex(string(plain))
		if err != nil && looksBase64(string(plain)) {
			err = fmt.Errorf("%w; say %s base64 if it is that", err, f.Option)
		}
	case "base64":
		if key, err = decodeBase64(string(plain)); err != nil {
			return nil, nil, err
		}
		if digits, ok := looksHex(string(plain)); ok {
			warnings = append(warnings, fmt.Sprintf("it looks like %d hexadecimal digits, and as Base64 it is a key of %d bytes: say %s hex if it is that", digits, len(key), f.Option))
		}
	case "text":
		if key, err = f.decodeText(plain, how); err == nil {
			warnings = f.oddText(key, how)
		}
	}
	return key, warnings, err
}

// oddBytes warns of a binary file that looks like text.
func (f KeyForm) oddBytes(b []byte) (warnings []string) {
	plain, how, err := UTF8(b)
	digits, isHex := looksHex(string(plain))
	switch {
	case err == nil && isHex:
		warnings = append(warnings, fmt.Sprintf("it looks like %d hexadecimal digits, and as binary it is a key of %d bytes: say %s hex if it is that", digits, len(b), f.Option))
	case how == encodedMark || how == encodedUTF16:
		warnings = append(warnings, "it begins with a byte order mark, which is part of the key")
	case bytes.HasSuffix(b, []byte("\n")) && utf8.Valid(b):
		warnings = append(warnings, fmt.Sprintf("it ends with the end of a line, which is part of the key: say %s text if it is not", f.Option))
	}
	return warnings
}

// decodeText returns a text without the one line end that editors and echo append.
func (f KeyForm) decodeText(plain []byte, how string) ([]byte, error) {
	binary := ""
	if f.Option != "" {
		binary = fmt.Sprintf(", or say %s binary if that belongs to the key", f.Option)
	}
	beyond := bytes.ContainsFunc(plain, func(r rune) bool { return r >= utf8.RuneSelf })
	switch {
	case how == encodedNoMark:
		return nil, fmt.Errorf("it looks like UTF-16: save it as UTF-8%s", binary)
	case how == encodedUTF16 && beyond && f.Option != "":
		return nil, errors.New("it is UTF-16 with characters beyond ASCII, and which bytes the device makes of these is not known: save it in the encoding of the device")
	}
	line := plain
	if less, ok := bytes.CutSuffix(plain, []byte("\n")); ok {
		line = bytes.TrimSuffix(less, []byte("\r"))
	}
	if i := bytes.IndexByte(line, 0); i >= 0 {
		return nil, fmt.Errorf("byte %d of the text is zero, as no text has it: take it away%s", i+1, binary)
	}
	if f.Option != "" && bytes.ContainsAny(line, "\r\n") {
		return nil, fmt.Errorf("the text has more than one line end: take away all but the last%s", binary)
	}
	return line, nil
}

// oddText warns of what makes a text differ from the key of the device.
func (f KeyForm) oddText(key []byte, how string) (warnings []string) {
	if how != encodedPlain {
		warnings = append(warnings, fmt.Sprintf("the file %s: taken is the text in it, %s", how, output.Counted(len(key), "byte", "bytes")))
	}
	if f.IsText() {
		return warnings
	}
	if digits, ok := looksHex(string(key)); ok {
		warnings = append(warnings, fmt.Sprintf("it looks like %d bytes in hexadecimal, and as text it is a key of %d bytes: say %s hex if it is that", digits/2, len(key), f.Option))
	} else if looksBase64(string(key)) && bytes.HasSuffix(key, []byte("=")) {
		warnings = append(warnings, fmt.Sprintf("it looks like Base64, and as text it is a key of %d bytes: say %s base64 if it is that", len(key), f.Option))
	}
	if len(bytes.TrimSpace(key)) < len(key) {
		warnings = append(warnings, "it begins or ends with a space, which is part of the key")
	}
	if !utf8.Valid(key) {
		warnings = append(warnings, "it is not UTF-8: taken are the bytes as they are")
	}
	return warnings
}

// A fault is a character that must not be in a text, and its place.
type fault struct {
	line, column int
	char         rune
}

func (f fault) String() string {
	if f.line == 1 {
		return fmt.Sprintf("character %d", f.column)
	}
	return fmt.Sprintf("character %d of line %d", f.column, f.line)
}

// faultsIn returns the characters of part that are not good, with their place in whole.
func faultsIn(whole, part string, good func(rune) bool) (faults []fault) {
	line, column := 1, 0
	begin := strings.Index(whole, part)
	for i, r := range whole[:begin+len(part)] {
		column++
		if i >= begin && !good(r) {
			faults = append(faults, fault{line, column, r})
		}
		if r == '\n' {
			line, column = line+1, 0
		}
	}
	return faults
}

// tellFaults returns the error about characters that are no what.
func tellFaults(faults []fault, all int, what string) error {
	first := faults[0]
	text := fmt.Sprintf("%v is no %s", first, what)
	if n := len(faults); n > 1 {
		text = fmt.Sprintf("%d of %d characters are no %s, the first is %v", n, all, what, first)
	}
	switch first.char {
	case 'O', 'o':
		text += ": it is a letter O"
	case 'l', 'I':
		text += ": it is a letter l or I"
	case 0:
		text += ": it is a zero byte"
	}
	return errors.New(text)
}

// unwrapped returns s without what may surround a key: white space, zero bytes behind it, a pair
// of quotes or brackets.
func unwrapped(s string) string {
	s = strings.TrimSpace(strings.TrimRight(s, "\x00"))
	s = strings.TrimSpace(strings.TrimRight(s, "\x00"))
	for _, pair := range []string{`""`, `''`, "{}", "[]"} {
		if len(s) > 1 && s[0] == pair[0] && s[len(s)-1] == pair[1] {
			s = strings.TrimSpace(s[1 : len(s)-1])
		}
	}
	return s
}

// hexSeparators may stand between bytes in hexadecimal; white space may stand anywhere.
const hexSeparators = ":-,;_."

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }

func isHexDigit(r rune) bool { return strings.ContainsRune("0123456789abcdefABCDEF", r) }

// decodeHex reads bytes in hexadecimal as people and tools write them: with white space and line
// ends anywhere; with separators between bytes; with 0x or \x before the first or before each.
func decodeHex(s string) ([]byte, error) {
	whole := strings.NewReplacer("0x", "::", "0X", "::", `\x`, "::").Replace(s)
	bare := strings.TrimRight(unwrapped(whole), hexSeparators+" \t\r\n")
	if faults := faultsIn(whole, bare, func(r rune) bool { return isHexDigit(r) || isSpace(r) || strings.ContainsRune(hexSeparators, r) }); len(faults) > 0 {
		return nil, tellFaults(faults, utf8.RuneCountInString(bare), "hexadecimal digit")
	}
	digits := strings.Map(func(r rune) rune {
		if isHexDigit(r) {
			return r
		}
		return -1
	}, bare)
	if len(digits)%2 != 0 {
		return nil, fmt.Errorf("%s: one is missing or too many", output.Counted(len(digits), "hexadecimal digit", "hexadecimal digits"))
	}
	if err := oddGroup(bare); err != nil {
		return nil, err
	}
	return hex.DecodeString(digits)
}

// oddGroup reports an odd number of digits between separators, and a single digit between
// spaces: "1 2" may be 12, or 01 02.
func oddGroup(bare string) error {
	var groups, words []int // digits in each
	for group := range strings.FieldsFuncSeq(bare, func(r rune) bool { return strings.ContainsRune(hexSeparators, r) }) {
		n := 0
		for word := range strings.FieldsSeq(group) {
			n += len(word)
			words = append(words, len(word))
		}
		if n > 0 {
			groups = append(groups, n)
		}
	}
	if i := slices.IndexFunc(groups, func(n int) bool { return n%2 != 0 }); i >= 0 {
		return fmt.Errorf("group %d of %d has %s: one is missing or too many", i+1, len(groups), output.Counted(groups[i], "hexadecimal digit", "hexadecimal digits"))
	}
	if i := slices.Index(words, 1); i >= 0 {
		return fmt.Errorf("group %d of %d has 1 hexadecimal digit: one is missing, or there is a space too many", i+1, len(words))
	}
	return nil
}

// looksHex reports whether s is at least eight bytes in hexadecimal, and its number of digits.
func looksHex(s string) (digits int, ok bool) {
	s = strings.TrimSpace(s)
	bare := strings.NewReplacer(" ", "", ":", "", "-", "").Replace(strings.TrimPrefix(strings.ToLower(s), "0x"))
	_, err := hex.DecodeString(bare)
	return len(bare), err == nil && len(bare) >= 16
}

// decodeBase64 reads Base64 in either alphabet, with padding or without, and with white space
// anywhere (RFC 4648 §4 and §5).
func decodeBase64(s string) ([]byte, error) {
	whole := s
	s = unwrapped(s)
	data := strings.TrimRight(strings.Join(strings.Fields(s), ""), "=")
	padding := strings.Count(s, "=")
	letter := func(r rune) bool {
		return r < utf8.RuneSelf && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+/-_", r))
	}
	inside := s[:len(strings.TrimRight(s, "= \t\r\n"))]
	faults := faultsIn(whole, inside, func(r rune) bool { return letter(r) || isSpace(r) })
	standard, url := strings.ContainsAny(data, "+/"), strings.ContainsAny(data, "-_")
	switch {
	case len(faults) > 0:
		return nil, tellFaults(faults, utf8.RuneCountInString(s), "letter of Base64")
	case standard && url:
		return nil, errors.New("it has letters of Base64, + or /, and of Base64url, - or _")
	case len(data)%4 == 1:
		return nil, fmt.Errorf("%s of Base64: one is missing or too many", output.Counted(len(data), "character", "characters"))
	case padding > 0 && padding > (4-len(data)%4)%4:
		return nil, fmt.Errorf("%d = behind %d characters of Base64: characters are missing, or = too many", padding, len(data))
	}
	key, err := base64.RawStdEncoding.Strict().DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(data))
	if err != nil {
		return nil, fmt.Errorf("%d characters of Base64, the last of which cannot be the last: one is wrong or missing", len(data))
	}
	return key, nil
}

// looksBase64 reports whether s is Base64 of at least eight bytes, in one word.
func looksBase64(s string) bool {
	key, err := decodeBase64(s)
	return err == nil && len(key) >= 8 && !strings.Contains(strings.TrimSpace(s), " ")
}

// Weaknesses returns the reasons for which a key is easy to guess.
func Weaknesses(key []byte) (out []string) {
	const usual = 16 // bytes, of every cipher suite
	if len(key) < usual {
		out = append(out, fmt.Sprintf("a key of %s is easy to guess: %d random bytes are usual", output.Counted(len(key), "byte", "bytes"), usual))
	}
	step, even := byte(0), len(key) > 1
	for i := 1; i < len(key); i++ {
		if i == 1 {
			step = key[1] - key[0]
		}
		even = even && key[i]-key[i-1] == step
	}
	switch {
	case even && step == 0 && key[0] == 0:
		out = append(out, "all its bytes are zero")
	case even && step == 0:
		out = append(out, "all its bytes are the same")
	case even && len(key) > 3:
		out = append(out, "its bytes only count up or down")
	}
	return out
}
