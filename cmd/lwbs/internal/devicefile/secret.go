package devicefile

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode"
)

// hidden stands in errors and warnings for what may be a key.
const hidden = "(it may be a key, and is not shown)"

// looksSecret reports whether a text may be a key, wherever it stands: at least 16 hexadecimal
// digits, of which not all are decimal where they are as few as those of an ICCID; or Base64 of at
// least 16 bytes.
func looksSecret(text string) bool {
	text = strings.Trim(text, " \t\r\n'\"{}[]")
	if len(text) < 16 {
		return false
	}
	bare := betweenDigits.Replace(text)
	if isHex(bare) {
		return len(bare) >= 24 || len(bare) >= 16 && strings.Trim(bare, "0123456789") != ""
	}
	data := strings.TrimRight(text, "=")
	key, err := base64.RawStdEncoding.DecodeString(standardBase64.Replace(data))
	if err != nil || len(key) < 16 {
		return false
	}
	digits, upper, lower := 0, false, false
	for _, r := range data {
		if unicode.IsDigit(r) {
			digits++
		}
		upper, lower = upper || unicode.IsUpper(r), lower || unicode.IsLower(r)
	}
	return len(data) < len(text) || digits >= 3 && upper && lower // and not only a long word
}

// What people write between the digits of a key, and Base64 for URLs as the other.
var (
	betweenDigits  = strings.NewReplacer(" ", "", ":", "", "-", "", ",", "", "0x", "", "0X", "")
	standardBase64 = strings.NewReplacer("-", "+", "_", "/")
)

func isHex(text string) bool {
	_, err := hex.DecodeString(text[:len(text)&^1])
	return err == nil && (len(text)%2 == 0 || strings.ContainsAny(text[len(text)-1:], "0123456789abcdefABCDEF"))
}

// suspects are the cells of a row that may be keys, but for those that name a device: a column may
// hold something else than its heading says.
func (m *columnMap) suspects(cells []string) (out []string) {
	for i, cell := range cells {
		if (i >= len(m.names) || !namesDevice(m.names[i])) && looksSecret(cell) {
			out = append(out, strings.TrimSpace(cell))
		}
	}
	return out
}

// namesDevice reports whether the cells of a column are names, identities or fingerprints.
func namesDevice(name string) bool {
	return name == "endpoint" || name == "psk-identity" || strings.HasPrefix(name, "certificate-") || strings.HasSuffix(name, ".identity")
}

// hide returns a text about a row without the keys that are in it.
func (row *Row) hide(text string) string {
	for _, secret := range row.suspects {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return text
}

// name is the endpoint name as it is shown: none where the row could not be read, and what stands
// there may be the key, as with columns that were exchanged.
func (row *Row) name() string {
	if row.err != nil && looksSecret(string(row.endpoint)) {
		return ""
	}
	return string(row.endpoint)
}
