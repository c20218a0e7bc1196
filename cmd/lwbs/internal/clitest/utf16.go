package clitest

import (
	"unicode/utf16"
)

// UTF16 is s as PowerShell writes it into a file.
func UTF16(s string, mark bool) string {
	var b []byte
	if mark {
		b = []byte{0xff, 0xfe}
	}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}
