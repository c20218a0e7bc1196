package message

import (
	"bytes"
	"testing"
)

// A message has 64 options; one with more is malformed.
func TestOptionsOfAMessage(t *testing.T) {
	for n, valid := range map[int]bool{7: true, 63: true, 64: true, 65: false, 500: false} {
		b := append([]byte{0x40, 2, 0, 1, 0xb1, 'a'}, bytes.Repeat([]byte{0x01, 'a'}, n-1)...) // Uri-Path
		m, err := Decode(b)
		if (err == nil) != valid || valid && len(m.Path) != n {
			t.Errorf("%d options: %v, %d of them are read, valid %v", n, err, len(m.Path), valid)
		}
	}
}
