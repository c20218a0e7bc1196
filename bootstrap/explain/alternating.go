package explain

import (
	"fmt"
	"slices"

	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// minReturns is how many returns to an address that was left look like two devices. One return is a
// device that was somewhere else once.
const minReturns = 2

// Alternating says that two devices may have the same name and credential, where the sessions of
// one, the newest first, came from two addresses in turn; it is empty elsewhere. Two devices behind
// one address are told apart by their ports, if these stay the same.
func Alternating(own []store.Session) string {
	for _, place := range []func(store.Session) string{
		func(s store.Session) string { return outcome.HostOf(s.Remote) },
		func(s store.Session) string { return s.Remote },
	} {
		if a, b, ok := alternate(own, place); ok {
			return fmt.Sprintf("Two devices may have this name and its credential: its attempts came from %s and %s in turn. Where it is one device that changes between two networks, all is well. Else give one of the two a name and a credential of its own: lwbs device add NAME --profile PROFILE --psk generate.", a, b)
		}
	}
	return ""
}

// alternate reports whether the sessions, the newest first, return to places that they had
// left, and names the last two.
func alternate(sessions []store.Session, place func(store.Session) string) (a, b string, ok bool) {
	var left []string // places, each once
	at, returns := "", 0
	for _, s := range slices.Backward(sessions) {
		next := place(s)
		if next == at || next == "" {
			continue
		}
		if slices.Contains(left, next) {
			a, b = at, next
			returns++
		}
		if at != "" && !slices.Contains(left, at) {
			left = append(left, at)
		}
		at = next
	}
	return a, b, returns >= minReturns
}
