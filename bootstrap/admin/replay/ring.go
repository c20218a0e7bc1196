// Package replay keeps the newest of what happens, so that readers of a stream that come back are given what they missed,
// or told that it is gone.
package replay

import (
	"strconv"
	"sync"
	"time"
)

// A Position is a place in a stream: that behind so many values. Zero is none.
type Position uint64

// String is the position as an ID of an event.
func (p Position) String() string { return strconv.FormatUint(uint64(p), 10) }

// ParsePosition reads what String wrote. What is no position is one of another stream; empty is none.
func ParsePosition(text string) Position {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && text != "" {
		return foreign
	}
	return Position(n)
}

// foreign is a position of no Ring.
const foreign Position = 1

// A Gap is what a reader missed. The zero Gap is nothing.
type Gap struct {
	Values  uint64 // how many, where that is known
	Unknown bool   // or that it is not known whether, and how many: the position is of another server, or of before a restart
}

// Some reports whether anything may have been missed.
func (g Gap) Some() bool { return g.Values > 0 || g.Unknown }

// A Ring keeps the newest values of a stream. Its methods may be called concurrently. Make one with [New].
type Ring[T any] struct {
	max, maxBytes int

	mu      sync.Mutex
	base    Position      // where it began; guarded by mu
	first   Position      // of kept[0]; guarded by mu
	kept    []sized[T]    // guarded by mu
	bytes   int           // of kept; guarded by mu
	changed chan struct{} // closed at the next value; nil where no one waits; guarded by mu
	closed  bool          // guarded by mu
}

type sized[T any] struct {
	value T
	bytes int
}

// New returns a Ring of at most max values, which have at most maxBytes together, the newest one apart. Its positions
// are greater than those of a Ring of before a restart, as long as the clock is right and there were less than 4,096
// values in each millisecond.
func New[T any](max, maxBytes int) *Ring[T] {
	base := Position(time.Now().UnixMilli()) << 12
	return &Ring[T]{max: max, maxBytes: maxBytes, base: base, first: base}
}

// Put appends a value of so many bytes, and wakes those who wait.
func (r *Ring[T]) Put(value T, bytes int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.kept = append(r.kept, sized[T]{value, bytes})
	r.bytes += bytes
	drop := 0
	for n := len(r.kept); n-drop > r.max || r.bytes > r.maxBytes && n-drop > 1; drop++ {
		r.bytes -= r.kept[drop].bytes
		r.kept[drop] = sized[T]{} // the memory is let go of, also where the array stays
	}
	r.kept, r.first = r.kept[drop:], r.first+Position(drop)
	r.wake()
}

// wake wakes those who wait. The caller holds r.mu.
func (r *Ring[T]) wake() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// Close wakes those who wait, for the last time.
func (r *Ring[T]) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.wake()
}

// End is the position behind the last value.
func (r *Ring[T]) End() Position {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end()
}

func (r *Ring[T]) end() Position { return r.first + Position(len(r.kept)) }

// Since returns the values behind a position, zero for the end; the position behind them; what is missing in front of
// them; and what is closed when there is more, nil where there never is. A position of elsewhere is before all values.
func (r *Ring[T]) Since(p Position) (values []T, next Position, gap Gap, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next = r.end()
	switch {
	case p == 0:
		p = next
	case p < r.base || p > next:
		p, gap.Unknown = r.first, true
	case p < r.first:
		p, gap.Values = r.first, uint64(r.first-p)
	}
	for _, s := range r.kept[p-r.first:] {
		values = append(values, s.value)
	}
	if r.closed {
		return values, next, gap, nil
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return values, next, gap, r.changed
}
