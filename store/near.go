package store

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"lwbs/lwm2m"
)

// A Nearness says how two similar names differ.
type Nearness int

// The kinds of Nearness, the nearest first.
const (
	NotNear      Nearness = iota
	NearSpelling          // in letter case or separators, or equal
	NearPrefix            // in a prefix, such as urn:imei:
	NearTypo              // in one character, or two that are exchanged, and perhaps a prefix
)

// A NearDevice is a device with a similar name or identity.
type NearDevice struct {
	Endpoint lwm2m.EndpointName `json:"endpoint"`

	// Identity is the similar PSK identity or certificate name; empty where the endpoint name is
	// similar.
	Identity string `json:"identity,omitempty"`

	Nearness Nearness `json:"-"`
}

// The shortest names that are compared, in letters and digits: short names are similar by chance.
const (
	minNear       = 4
	minNearPrefix = 8 // for a typo in a name with a prefix
)

// A NameMatcher compares names with one name. It must not be used concurrently.
type NameMatcher struct {
	name  []rune
	other []rune // reused by the next call
}

// NewNameMatcher returns a matcher for names similar to name.
func NewNameMatcher(name string) *NameMatcher {
	return &NameMatcher{name: appendFolded(nil, []byte(name))}
}

// appendFolded appends the letters and digits of a name in lower case.
func appendFolded(out []rune, name []byte) []rune {
	for len(name) > 0 {
		r, size := rune(name[0]), 1
		switch {
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			out = append(out, r)
		case r < utf8.RuneSelf:
			if 'A' <= r && r <= 'Z' {
				out = append(out, r+'a'-'A')
			}
		default:
			if r, size = utf8.DecodeRune(name); unicode.IsLetter(r) || unicode.IsDigit(r) {
				out = append(out, unicode.ToLower(r))
			}
		}
		name = name[size:]
	}
	return out
}

// Near compares other.
func (m *NameMatcher) Near(other string) Nearness { return m.NearBytes([]byte(other)) }

// NearBytes is Near for bytes, which it neither keeps nor changes.
func (m *NameMatcher) NearBytes(other []byte) Nearness {
	m.other = appendFolded(m.other[:0], other)
	short, long := m.name, m.other
	if len(short) > len(long) {
		short, long = long, short
	}
	switch ahead := len(long) - len(short); {
	case len(short) == 0:
		return NotNear
	case slices.Equal(short, long):
		return NearSpelling
	case len(short) < minNear:
		return NotNear
	case slices.Equal(short, long[ahead:]):
		return NearPrefix
	case ahead <= 1 && oneTypo(short, long):
		return NearTypo
	case ahead > 1 && len(short) >= minNearPrefix:
		for from := ahead - 1; from <= ahead+1; from++ {
			if oneTypo(short, long[from:]) {
				return NearTypo
			}
		}
	}
	return NotNear
}

// oneTypo reports whether a and b, whose lengths differ by at most one, differ in one rune that is
// replaced, missing or added, or in two that are exchanged.
func oneTypo(a, b []rune) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) < len(b) {
		return slices.Equal(a[i:], b[i+1:])
	}
	return i == len(a) || slices.Equal(a[i+1:], b[i+1:]) ||
		i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && slices.Equal(a[i+2:], b[i+2:])
}
