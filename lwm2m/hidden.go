package lwm2m

import "crypto/subtle"

// A hidden holds a string where package fmt does not find it. It calls no Format
// method of a value in an unexported field, nor where a verb is wrong (%w outside of
// Errorf, %p), but prints the fields as they are; here that is an address. The zero
// hidden is the empty string.
type hidden struct {
	_    [0]func() // == would compare addresses
	text *string
}

func hide(s string) (h hidden) {
	if s != "" {
		h.text = &s
	}
	return h
}

func (h hidden) reveal() string {
	if h.text == nil {
		return ""
	}
	return *h.text
}

// equal compares in a time that depends on the lengths only.
func (h hidden) equal(other hidden) bool {
	return subtle.ConstantTimeCompare([]byte(h.reveal()), []byte(other.reveal())) == 1
}
