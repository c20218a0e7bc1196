package wire

import (
	"strconv"
	"strings"

	"lwbs/store"
)

// Quoted is a word of the peer as it may stand in a line: quoted where it is odd, and cut
// where it is long.
func Quoted(text string) string {
	const longest = 80
	if len(text) > longest {
		text = text[:longest] + "…"
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return strconv.Quote(text)
	}
	return text
}

// ETag is a revision as the headers ETag and If-Match have it.
func ETag(rev store.Revision) string { return `"` + strconv.FormatUint(uint64(rev), 10) + `"` }
