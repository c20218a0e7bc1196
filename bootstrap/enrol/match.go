package enrol

import (
	"strings"

	"lwbs/store"
)

// Matches reports whether a name matches a pattern, in which * stands for any text, also none, and
// every other byte for itself. It takes a time that grows with the product of the lengths at most.
func Matches(pattern, name string) bool {
	retry, from := -1, 0 // behind the last *, and where the text that it stands for ends
	p, n := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			p++
			retry, from = p, n
		case p < len(pattern) && pattern[p] == name[n]:
			p++
			n++
		case retry >= 0:
			from++
			p, n = retry, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Overlap reports whether there is a name that matches both patterns.
func Overlap(a, b string) bool {
	// reach[j] is whether a[:i] and b[:j] can stand for the same text.
	reach := make([]bool, len(b)+1)
	for i := 0; i <= len(a); i++ {
		before := false // reach[j-1] of a[:i-1]
		for j := 0; j <= len(b); j++ {
			above := reach[j] // of a[:i-1]
			can := i == 0 && j == 0
			if i > 0 && a[i-1] == '*' {
				can = above || j > 0 && reach[j-1]
			}
			if j > 0 && b[j-1] == '*' {
				can = can || reach[j-1] || i > 0 && above
			}
			if i > 0 && j > 0 && a[i-1] == b[j-1] && before {
				can = true
			}
			before, reach[j] = above, can
		}
	}
	return reach[len(b)]
}

// Fixed is how many bytes of a pattern stand for themselves.
func Fixed(pattern string) int { return len(pattern) - strings.Count(pattern, "*") }

// Choose returns the group that a name belongs to, among those of which may is true: the one that has
// the pattern with the most bytes that stand for themselves, of those that match. Of two with as
// many, the one whose name comes first. So a group for a part of another's names is always possible,
// and it keeps these names when it is disabled or full.
//
// Groups are in the order of their names.
func Choose(groups []store.Group, name string, may func(store.Group) bool) (chosen store.Group, found bool) {
	most := -1
	for _, g := range groups {
		for _, pattern := range g.Match {
			if n := Fixed(pattern); n > most && Matches(pattern, name) && may(g) {
				chosen, found, most = g, true, n
			}
		}
	}
	return chosen, found
}
