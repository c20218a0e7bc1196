package outcome

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How much text of a peer a record keeps, in bytes.
const (
	MaxIdentity   = 256
	MaxDiagnostic = 128
	MaxLinks      = 2048
	MaxError      = 200
	MaxOffer      = 600 // what a client offers, and what it would need to
)

// IdentityShown is how the history shows a PSK identity.
func IdentityShown(identity string) string { return Printable(identity, MaxIdentity) }

// Printable makes text of a peer fit for a log, a terminal and a record: control
// characters, other invisible ones and bytes that are no UTF-8 are escaped as in Go.
// What exceeds limit bytes is cut off and shown as "…".
func Printable(s string, limit int) string {
	const ellipsis = "…"
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		piece := s[:size]
		if r == utf8.RuneError && size == 1 || !unicode.IsPrint(r) {
			quoted := strconv.Quote(piece)
			piece = quoted[1 : len(quoted)-1]
		}
		if b.Len()+len(piece) > limit {
			return strings.TrimSuffix(b.String(), " ") + ellipsis
		}
		b.WriteString(piece)
		s = s[size:]
	}
	return b.String()
}
