package wire

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Limits of what isPlain looks at; what has more is left to checkJSON.
const (
	maxPlainDepth   = 8
	maxPlainMembers = 64 // of one object
)

// isPlain reports whether checkJSON has nothing to say about a text: an object of few members, none of
// them twice and none with an escape in its name. That is what clients send; it is found out in a tenth
// of the time. False means that checkJSON has to look.
func isPlain(text []byte) bool {
	if !json.Valid(text) {
		return false
	}
	var names [][]byte // of the members of all objects that are open
	var open []int     // how many names there were before each object that is open; -1 for an array
	atName := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '{', '[':
			atName = text[i] == '{'
			if len(open) == maxPlainDepth || len(open) == 0 && !atName {
				return false
			}
			before := -1
			if atName {
				before = len(names)
			}
			open = append(open, before)
		case '}':
			names = names[:open[len(open)-1]]
			open, atName = open[:len(open)-1], false
		case ']':
			open, atName = open[:len(open)-1], false
		case ',':
			atName = open[len(open)-1] >= 0
		case '"':
			if len(open) == 0 {
				return false
			}
			end := endOfText(text, i+1)
			if atName {
				name, before := text[i+1:end], names[open[len(open)-1]:]
				if bytes.IndexByte(name, '\\') >= 0 || len(before) >= maxPlainMembers || slices.ContainsFunc(before, func(n []byte) bool { return bytes.Equal(n, name) }) {
					return false
				}
				names, atName = append(names, name), false
			}
			i = end
		default:
			if len(open) == 0 && text[i] > ' ' { // no object
				return false
			}
		}
	}
	return true
}

// endOfText is where the quote is that ends the text which begins at i; the JSON is valid.
func endOfText(text []byte, i int) int {
	for ; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i
}
