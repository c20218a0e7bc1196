// Package near tells which names are similar: mistyped, or written with another prefix.
package near

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"lwbs/store"
)

// The shortest names that are compared, in letters and digits: short names are similar by chance.
const (
	minNear       = 4
	minNearPrefix = 8 // for a typo in a name with a prefix
)

// A Matcher compares names with one name. It must not be used concurrently.
type Matcher struct {
	name  []rune
	other []rune // reused by the next call
}

// New returns a matcher for names similar to name.
func New(name string) *Matcher {
	return &Matcher{name: appendFolded(nil, []byte(name))}
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
func (m *Matcher) Near(other string) store.Nearness { return m.NearBytes([]byte(other)) }

// NearBytes is Near for bytes, which it neither keeps nor changes.
func (m *Matcher) NearBytes(other []byte) store.Nearness {
	m.other = appendFolded(m.other[:0], other)
	short, long := m.name, m.other
	if len(short) > len(long) {
		short, long = long, short
	}
	switch ahead := len(long) - len(short); {
	case len(short) == 0:
		return store.NotNear
	case slices.Equal(short, long):
		return store.NearSpelling
	case len(short) < minNear:
		return store.NotNear
	case slices.Equal(short, long[ahead:]):
		return store.NearPrefix
	case ahead <= 1 && oneTypo(short, long):
		return store.NearTypo
	case ahead > 1 && len(short) >= minNearPrefix:
		for from := ahead - 1; from <= ahead+1; from++ {
			if oneTypo(short, long[from:]) {
				return store.NearTypo
			}
		}
	}
	return store.NotNear
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
