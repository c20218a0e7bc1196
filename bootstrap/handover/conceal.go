package handover

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
)

// Limits of what is looked for in the words of a server.
const (
	maxWords   = 4 << 10 // bytes of them that are looked at
	keyWindow  = 4       // consecutive bytes of a secret, in hexadecimal or as numbers, that reveal it
	textWindow = 16      // consecutive characters of a secret, or of its base64 form
)

const concealed = "what it says is left out, as a part of a key or a password is in it"

// conceal makes the words of a server or a program fit for an error: one short line without secrets. A
// secret as it is, in hexadecimal or base64 is replaced by "…". Words that have a part of one, or one in
// another form, such as escaped or with separators, are left out.
func conceal(words string, secrets []lwm2m.Secret) string {
	words = strings.TrimSpace(words[:min(len(words), maxWords)])
	for _, s := range secrets {
		for _, form := range plainForms(s.Reveal()) {
			words = hideText(words, form)
		}
	}
	for _, s := range secrets {
		if reveals(words, s.Reveal()) || reveals(words, []byte(tokenIn(s.Reveal()))) {
			return concealed
		}
	}
	return outcome.Printable(words, maxReason)
}

func plainForms(secret []byte) []string {
	if len(secret) == 0 {
		return nil
	}
	forms := []string{string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret)}
	if token := tokenIn(secret); token != "" {
		forms = append(forms, token)
	}
	return forms
}

// tokenIn is what stands behind the scheme in the value of a header, such as "Bearer".
func tokenIn(secret []byte) string {
	_, token, _ := strings.Cut(string(secret), " ")
	return token
}

// hideText returns text with each occurrence of secret replaced, whatever its letter case.
func hideText(text, secret string) string {
	if !utf8.ValidString(secret) {
		return strings.ReplaceAll(text, secret, "…")
	}
	return regexp.MustCompile("(?i)"+regexp.QuoteMeta(secret)).ReplaceAllLiteralString(text, "…")
}

// reveals reports whether words have a part of a secret, however it is written.
func reveals(words string, secret []byte) bool {
	if len(secret) < keyWindow {
		return false // too short to tell from other words
	}
	for _, view := range []string{words, unescaped(words)} {
		digits := kept(strings.ReplaceAll(strings.ToLower(view), "0x", ""), isHexDigit)
		if window(digits, hex.EncodeToString(secret), 2*keyWindow) || numbersOf(view, secret) {
			return true
		}
		letters := kept(strings.ToLower(view), isLetterOrDigit)
		if own := kept(strings.ToLower(string(secret)), isLetterOrDigit); utf8.Valid(secret) && window(letters, own, textWindow) {
			return true
		}
		encoded := kept(strings.NewReplacer("-", "+", "_", "/").Replace(view), func(r rune) bool { return isLetterOrDigit(r) || r == '+' || r == '/' })
		text := hex.EncodeToString(secret)
		for _, b := range [][]byte{secret, []byte(text), []byte(strings.ToUpper(text))} {
			if inBase64(encoded, b) {
				return true
			}
		}
	}
	return false
}

// window reports whether text has size consecutive characters of secret, or all where it has fewer.
func window(text, secret string, size int) bool {
	if len(secret) < keyWindow {
		return false
	}
	size = min(size, len(secret))
	for i := range len(secret) - size + 1 {
		if strings.Contains(text, secret[i:i+size]) {
			return true
		}
	}
	return false
}

// inBase64 reports whether base64 text has a part of secret, wherever in what is encoded it begins.
func inBase64(text string, secret []byte) bool {
	for before, skip := range []int{0, 2, 3} { // characters that depend on the bytes before it
		encoded := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), secret...))
		if window(text, encoded[skip:(before+len(secret))*8/6], textWindow/2) {
			return true
		}
	}
	return false
}

var number = regexp.MustCompile(`-?\d+`)

// numbersOf reports whether text has bytes of secret as decimal numbers, signed or not.
func numbersOf(text string, secret []byte) bool {
	var all []byte
	for _, n := range number.FindAllString(text, -1) {
		if v, err := strconv.Atoi(n); err == nil && v >= -128 && v <= 255 {
			all = append(all, byte(v))
		}
	}
	for i := range len(secret) - keyWindow + 1 {
		if bytes.Contains(all, secret[i:i+keyWindow]) {
			return true
		}
	}
	return false
}

var escape = regexp.MustCompile(`\\u00[0-9a-fA-F]{2}|\\x[0-9a-fA-F]{2}`)

// unescaped undoes what JSON, URLs and HTML do to characters.
func unescaped(text string) string {
	for range 2 { // a document in a string of another one
		text = strings.ReplaceAll(text, `\\`, `\`)
		text = escape.ReplaceAllStringFunc(text, func(s string) string {
			b, _ := hex.DecodeString(s[len(s)-2:])
			return string(b)
		})
		text = percent.ReplaceAllStringFunc(html.UnescapeString(text), func(s string) string {
			plain, _ := url.PathUnescape(s)
			return plain
		})
	}
	return text
}

var percent = regexp.MustCompile(`%[0-9a-fA-F]{2}`)

func kept(text string, keep func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if keep(r) {
			return r
		}
		return -1
	}, text)
}

func isHexDigit(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' }

func isLetterOrDigit(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}
