package store

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// IdentityBytes returns the PSK identity that a text stands for, wherever one is written
// (profiles, device records, options, the admin API): itself, or bytes where it is
// "hex:…" or "base64:…". Its error says what of the text is wrong.
func IdentityBytes(text string) ([]byte, error) {
	if !lwm2m.IsOpaque(text) {
		return []byte(text), nil
	}
	return lwm2m.ParseOpaque(text)
}

// IdentityText returns the text of which IdentityBytes makes b: "hex:…" where b itself is
// none, or would be read as something else.
func IdentityText(b []byte) string {
	text := string(b)
	if utf8.Valid(b) && !lwm2m.IsOpaque(text) && !strings.ContainsFunc(text, unprintable) {
		return text
	}
	return lwm2m.OpaqueHex + hex.EncodeToString(b)
}
