package bootstrap

import "lwbs/store"

// An Explanation tells a field engineer about one session in plain words.
type Explanation struct {
	Stage    string // how far it came
	Happened string // what stopped it, or that nothing did
	Remedy   string // what to do
}

// Explain puts a session of the history into words.
func Explain(s store.Session) Explanation { return Explanation{Stage: string(s.Stage)} }
