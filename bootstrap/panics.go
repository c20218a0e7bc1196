package bootstrap

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
	PartSession        Part = "session"        // a session, and what it leaves behind
	PartRequest        Part = "request"        // the answer to a request of a client
	PartHandshake      Part = "handshake"      // a DTLS handshake, and the look-ups for it
	PartTransport      Part = "transport"      // datagrams, associations and their timers
	PartHistory        Part = "history"        // the keeping of records
	PartObserver       Part = "observer"       // whoever is told of events
	PartStore          Part = "store"          // the edits of the database
	PartAdministration Part = "administration" // requests over HTTP
	PartMetrics        Part = "metrics"        // the values of a scrape
	PartFiles          Part = "files"          // certificates and definitions that are read
)

// Parts are all of them.
func Parts() []Part {
	return []Part{PartSession, PartRequest, PartHandshake, PartTransport, PartHistory, PartObserver, PartStore, PartAdministration, PartMetrics, PartFiles}
}

// maxStacks bounds how many different stacks are logged.
const maxStacks = 64

// Panics contains panics: each ends the one piece of work that it came from, is counted and
// logged. A panic in a goroutine of a library cannot be contained. The methods may be called
// concurrently.
type Panics struct {
	log *slog.Logger

	mu     sync.Mutex
	counts map[Part]uint64     // guarded by mu
	told   map[origin]struct{} // guarded by mu; those whose stack the log has
}

// An origin tells panics from different places apart.
type origin [16]uintptr

// NewPanics returns Panics that log to log.
func NewPanics(log *slog.Logger) *Panics {
	return &Panics{log: log, counts: make(map[Part]uint64), told: make(map[origin]struct{})}
}

// Contain ends a panic of the function that defers it, and then calls what is to be done
// after one. Only a deferred call has an effect.
func (p *Panics) Contain(part Part, then ...func()) {
	v := recover()
	if v == nil {
		return
	}
	p.Note(part, v)
	for _, f := range then {
		f()
	}
}

// Run calls f, and reports whether it returned without a panic.
func (p *Panics) Run(part Part, f func()) (ok bool) {
	defer p.Contain(part)
	f()
	return true
}

// Note counts and logs a panic with value v that the caller has recovered from, from within the
// deferred function. The log has the stack once for each place.
func (p *Panics) Note(part Part, v any) {
	defer func() { _ = recover() }() // of the log
	var at origin
	runtime.Callers(2, at[:])
	p.mu.Lock()
	p.counts[part]++
	_, told := p.told[at]
	if told = told || len(p.told) == maxStacks; !told {
		p.told[at] = struct{}{}
	}
	p.mu.Unlock()
	attrs := []any{"part", string(part), "panic", fmt.Sprint(v)}
	if !told {
		attrs = append(attrs, "stack", string(debug.Stack()))
	}
	p.log.Error("panic contained", attrs...)
}

// All returns how many panics were contained so far, by part.
func (p *Panics) All() map[Part]uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}
