package store

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// Octets are bytes as they are written in a profile: "hex:…", "base64:…", or a template that
// gives one of these. Empty stands for none.
type Octets string

// OctetsOf returns b as it is written in a profile.
func OctetsOf(b []byte) Octets {
	if len(b) == 0 {
		return ""
	}
	return Octets(lwm2m.OpaqueBase64 + base64.StdEncoding.EncodeToString(b))
}

// UnmarshalJSON reads text in one of the forms of Octets, or plain Base64.
func (o *Octets) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	if text == "" || lwm2m.IsOpaque(text) || strings.Contains(text, "{{") {
		*o = Octets(text)
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil { // the error would repeat some of it
		return fmt.Errorf("bytes are written as hex:…, base64:… or plain Base64")
	}
	*o = OctetsOf(raw)
	return nil
}

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
