// Package panics contains panics: each ends the one piece of work that it came from, and is counted
// and logged.
package panics

import (
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"runtime/debug"
	"sync"
)

// A Part is the part of the server that a panic came from; also the metric label.
type Part string

// The parts.
const (
	Session        Part = "session"        // a session, and what it leaves behind
	Request        Part = "request"        // the answer to a request of a client
	Handshake      Part = "handshake"      // a DTLS handshake, and the look-ups for it
	Transport      Part = "transport"      // datagrams, associations and their timers
	History        Part = "history"        // the keeping of records
	Observer       Part = "observer"       // whoever is told of events
	Store          Part = "store"          // the edits of the database
	Administration Part = "administration" // requests over HTTP
	Metrics        Part = "metrics"        // the values of a scrape
	Files          Part = "files"          // certificates and definitions that are read
	Outbox         Part = "outbox"         // the delivery of messages
)

// Parts are all of them.
func Parts() []Part {
	return []Part{Session, Request, Handshake, Transport, History, Observer, Store, Administration, Metrics, Files, Outbox}
}

// maxStacks bounds how many different stacks are logged.
const maxStacks = 64

// A Guard contains panics: each ends the one piece of work that it came from, is counted and
// logged. A panic in a goroutine of a library cannot be contained. The methods may be called
// concurrently.
type Guard struct {
	log *slog.Logger

	mu     sync.Mutex
	counts map[Part]uint64     // guarded by mu
	told   map[origin]struct{} // guarded by mu; those whose stack the log has
}

// An origin tells panics from different places apart.
type origin [16]uintptr

// New returns a Guard that logs to log.
func New(log *slog.Logger) *Guard {
	return &Guard{log: log, counts: make(map[Part]uint64), told: make(map[origin]struct{})}
}

// Contain ends a panic of the function that defers it, and then calls what is to be done
// after one. Only a deferred call has an effect.
func (g *Guard) Contain(part Part, then ...func()) {
	v := recover()
	if v == nil {
		return
	}
	g.Note(part, v)
	for _, f := range then {
		f()
	}
}

// Run calls f, and reports whether it returned without a panic.
func (g *Guard) Run(part Part, f func()) (ok bool) {
	defer g.Contain(part)
	f()
	return true
}

// Note counts and logs a panic with value v that the caller has recovered from, from within the
// deferred function. The log has the stack once for each place.
func (g *Guard) Note(part Part, v any) {
	defer func() { _ = recover() }() // of the log
	var at origin
	runtime.Callers(2, at[:])
	g.mu.Lock()
	g.counts[part]++
	_, told := g.told[at]
	if told = told || len(g.told) == maxStacks; !told {
		g.told[at] = struct{}{}
	}
	g.mu.Unlock()
	attrs := []any{"part", string(part), "panic", fmt.Sprint(v)}
	if !told {
		attrs = append(attrs, "stack", string(debug.Stack()))
	}
	g.log.Error("panic contained", attrs...)
}

// All returns how many panics were contained so far, by part.
func (g *Guard) All() map[Part]uint64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.counts)
}
