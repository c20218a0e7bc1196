package store

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// IdentityBytes returns the PSK identity that a text stands for in profiles, device records,
// options and the admin API: the bytes of "hex:…" or "base64:…", else the text itself. Its error
// says what is wrong with the text.
func IdentityBytes(text string) ([]byte, error) {
	if !lwm2m.IsOpaque(text) {
		return []byte(text), nil
	}
	return lwm2m.ParseOpaque(text)
}

// IdentityText returns the text that IdentityBytes turns into b: b itself, or "hex:…" where b is
// not text or begins like one of these forms.
func IdentityText(b []byte) string {
	text := string(b)
	if utf8.Valid(b) && !lwm2m.IsOpaque(text) && !strings.ContainsFunc(text, unprintable) {
		return text
	}
	return lwm2m.OpaqueHex + hex.EncodeToString(b)
}
