package lwm2m

import "crypto/subtle"

// A hidden holds a string that package fmt does not print. For a value in an unexported field, or with
// a wrong verb (%w outside Errorf, %p), fmt calls no Format method and prints the fields; here that is
// an address. The zero hidden is the empty string.
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
