package importer

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// octets are bytes in the forms of Jackson and Gson: an array of numbers, signed in Leshan's files and
// unsigned in the answers of its REST API, or Base64; or hexadecimal digits, which people write.
type octets []byte

func (o *octets) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var text string
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
		decoded, err := octetsIn(text)
		*o = decoded
		return err
	}
	if out, ok := smallNumbers(b); ok {
		*o = out
		return nil
	}
	var numbers []int16
	if err := json.Unmarshal(b, &numbers); err != nil {
		return err
	}
	out := make([]byte, len(numbers))
	for i, n := range numbers {
		if n < -128 || n > 255 {
			return wrong("not a byte")
		}
		out[i] = byte(n)
	}
	*o = out
	return nil
}

// smallNumbers reads an array of whole numbers as bytes, as almost all are written. It reports false for what
// it leaves to package json.
func smallNumbers(b []byte) (out []byte, ok bool) {
	if len(b) < 2 || b[0] != '[' || b[len(b)-1] != ']' {
		return nil, false
	}
	out = make([]byte, 0, len(b)/3)
	n, sign, digits := 0, 1, 0
	for i, c := range b[1:] {
		switch {
		case c >= '0' && c <= '9' && digits < 3:
			n, digits = 10*n+int(c-'0'), digits+1
		case c == '-' && digits == 0 && sign == 1:
			sign = -1
		case c == ' ' || c == '\n' || c == '\r' || c == '\t':
			if digits > 0 || sign < 0 {
				return nil, false
			}
		case c == ',' || c == ']' && i == len(b)-2:
			if n *= sign; digits == 0 || n < -128 || n > 255 {
				return nil, false
			}
			out = append(out, byte(n))
			n, sign, digits = 0, 1, 0
		default:
			return nil, false
		}
	}
	return out, true
}

// surelyHex is the number of characters from which a text of hexadecimal digits is not taken for
// Base64: of random texts of 16 Base64 characters one in 25 million has only such digits.
const surelyHex = 16

// octetsIn reads Base64, with padding and without, of either alphabet; and at least surelyHex
// hexadecimal digits.
func octetsIn(text string) ([]byte, error) {
	if digits, err := hexOf(text); err == nil && (len(text) >= surelyHex || len(text)%4 != 0) {
		return digits, nil
	}
	plain := strings.TrimRight(standardBase64.Replace(text), "=")
	return base64.RawStdEncoding.DecodeString(plain)
}

// hexOf reads hexadecimal digits, also behind 0x, or with colons, spaces or hyphens between them.
func hexOf(text string) ([]byte, error) {
	text = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(text), "0x"), "0X")
	return hex.DecodeString(betweenDigits.Replace(text))
}

// What people write between hexadecimal digits, and Base64 for URLs as the other.
var (
	betweenDigits  = strings.NewReplacer(":", "", " ", "", "\t", "", "-", "")
	standardBase64 = strings.NewReplacer("-", "+", "_", "/")
)

// A number is a whole number, as a JSON number or as text.
type number int64

func (n *number) UnmarshalJSON(b []byte) error {
	text := strings.TrimSpace(string(bytes.Trim(b, `"`)))
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil { // "300.0", as languages with one type of number write it
		const exact = 1 << 53
		f, floating := strconv.ParseFloat(text, 64)
		if floating == nil && f == math.Trunc(f) && math.Abs(f) <= exact {
			i, err = int64(f), nil
		}
	}
	*n = number(i)
	return err
}

// A flag is true or false, as a JSON boolean or as text such as "True" and "no".
type flag bool

func (v *flag) UnmarshalJSON(b []byte) error {
	switch strings.ToLower(string(bytes.Trim(b, `" `))) {
	case "true", "yes":
		*v = true
	case "false", "no":
		*v = false
	default:
		return wrong("neither true nor false")
	}
	return nil
}

// A word is text, or a number that stands for it.
type word string

func (w *word) UnmarshalJSON(b []byte) error {
	var n json.Number
	if json.Unmarshal(b, &n) == nil {
		*w = word(n)
		return nil
	}
	return json.Unmarshal(b, (*string)(w))
}

// numbered are objects by their numbers: the members of an object, or the elements of an
// array.
type numbered map[number]fields

func (v *numbered) UnmarshalJSON(b []byte) error {
	if members, ok := split(b); ok {
		*v = make(numbered, len(members))
		for name, raw := range members {
			var n number
			var f fields
			if n.UnmarshalJSON([]byte(name)) != nil || f.UnmarshalJSON(raw) != nil {
				return json.Unmarshal(b, (*map[number]fields)(v))
			}
			(*v)[n] = f
		}
		return nil
	}
	var list []fields
	if json.Unmarshal(b, &list) != nil {
		return json.Unmarshal(b, (*map[number]fields)(v))
	}
	*v = make(numbered, len(list))
	for i, f := range list {
		(*v)[number(i)] = f
	}
	return nil
}

// A list is a list of texts, or one text.
type list []string

func (v *list) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*v = list{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(v))
}
