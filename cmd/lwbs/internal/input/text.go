package input

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

// How the text of a file was encoded.
const (
	encodedPlain   = ""
	encodedMark    = "begins with a byte order mark"
	encodedUTF16   = "is in UTF-16"
	encodedNoMark  = "is in UTF-16 without a byte order mark"
	utf8Mark       = "\ufeff"
	utf16LittleEnd = "\xff\xfe"
	utf16BigEnd    = "\xfe\xff"
)

// UTF8 returns the text of a file in UTF-8, without a byte order mark, and how it was encoded:
// editors and shells of Windows write marks, and UTF-16.
func UTF8(b []byte) (text []byte, how string, err error) {
	switch {
	case bytes.HasPrefix(b, []byte(utf8Mark)):
		return b[len(utf8Mark):], encodedMark, nil
	case bytes.HasPrefix(b, []byte(utf16LittleEnd)):
		text, err = fromUTF16(b[2:], binary.LittleEndian)
		return text, encodedUTF16, err
	case bytes.HasPrefix(b, []byte(utf16BigEnd)):
		text, err = fromUTF16(b[2:], binary.BigEndian)
		return text, encodedUTF16, err
	case everyOther(b, 1):
		text, err = fromUTF16(b, binary.LittleEndian)
		return text, encodedNoMark, err
	case everyOther(b, 0):
		text, err = fromUTF16(b, binary.BigEndian)
		return text, encodedNoMark, err
	}
	return b, encodedPlain, nil
}

// everyOther reports whether b consists of pairs in which the byte at place (0 or 1) is always zero
// and the other never.
func everyOther(b []byte, place int) bool {
	for i, v := range b {
		if (v == 0) != (i%2 == place) {
			return false
		}
	}
	return len(b) >= 4 && len(b)%2 == 0
}

func fromUTF16(b []byte, order binary.ByteOrder) ([]byte, error) {
	if len(b)%2 != 0 {
		return nil, errors.New("it is UTF-16, and ends in the middle of a character")
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	var out []byte
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out, nil
}
