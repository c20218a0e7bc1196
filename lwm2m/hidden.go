package lwm2m

import "unique"

// A hidden holds a string where package fmt does not find it. It calls no Format
// method of a value in an unexported field, nor where a verb is wrong (%w outside of
// Errorf, %p), but prints the fields as they are; here that is an address. Equal
// strings give equal hiddens; the zero hidden is the empty string.
type hidden struct{ handle unique.Handle[string] }

func hide(s string) (h hidden) {
	if s != "" {
		h.handle = unique.Make(s)
	}
	return h
}

func (h hidden) reveal() string {
	if h == (hidden{}) {
		return ""
	}
	return h.handle.Value()
}
