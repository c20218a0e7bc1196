package bolt

import (
	"bytes"
	"sync"
)

// maxRecent is how many records a recent remembers in each of its two generations, at
// about 2 KiB each.
const maxRecent = 4096

// A recent remembers records as they were decoded: a bootstrap reads those of its device a
// few times, and to decode them takes longer than all else of a read. What it remembers
// counts only for the very bytes that it was decoded from, so that it cannot be out of
// date. Its methods may be called concurrently.
type recent[T any] struct {
	clone func(T) T

	mu         sync.Mutex
	young, old map[string]decoded[T] // by the key; guarded by mu
}

// A decoded is a record and what it was decoded from. It never changes.
type decoded[T any] struct {
	row    []byte
	record T
}

func newRecent[T any](clone func(T) T) *recent[T] {
	return &recent[T]{clone: clone, young: make(map[string]decoded[T])}
}

// find returns the record of a row, and whether it is remembered. It shares nothing.
func (r *recent[T]) find(key, row []byte) (T, bool) {
	record, ok := r.look(key, row)
	if ok {
		record = r.clone(record)
	}
	return record, ok
}

// look is find without a copy: the record must not be changed or handed out.
func (r *recent[T]) look(key, row []byte) (record T, ok bool) {
	r.mu.Lock()
	d, ok := r.young[string(key)]
	if !ok {
		d, ok = r.old[string(key)]
	}
	r.mu.Unlock()
	if !ok || !bytes.Equal(d.row, row) {
		return record, false
	}
	return d.record, true
}

// remember keeps copies of a row and of the record that it was decoded to. Those not
// decoded for longest make room.
func (r *recent[T]) remember(key, row []byte, record T) {
	d := decoded[T]{bytes.Clone(row), r.clone(record)}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.young) >= maxRecent {
		r.young, r.old = make(map[string]decoded[T]), r.young
	}
	r.young[string(key)] = d
}

// forget forgets a record, which was deleted.
func (r *recent[T]) forget(key []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, string(key))
	delete(r.old, string(key))
}
