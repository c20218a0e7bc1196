// Package logqueue decouples a program from the reader of its log or output: writing never blocks,
// and records that find no room are dropped and counted.
package logqueue

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// maxWaiting is how many bytes may wait in a [Writer].
const maxWaiting = 1 << 20

// A Writer is an [io.Writer] that never blocks and never fails: records wait in memory, up to
// maxWaiting bytes, for a goroutine that writes them to out; one call of Write is one record. A record
// that does not fit, or that out refuses, is dropped and counted. When there is room again, a record
// says how many were dropped. Its methods may be called concurrently.
type Writer struct {
	out  io.Writer
	tell func(dropped uint64) []byte // the record about dropped records

	mu      sync.Mutex
	more    sync.Cond // with mu
	idle    sync.Cond // with mu
	waiting []record  // guarded by mu
	size    int       // guarded by mu; bytes of waiting
	busy    bool      // guarded by mu; one is being written
	dropped uint64    // guarded by mu; in all
	untold  uint64    // guarded by mu; of dropped, those that no record has reported
	closed  bool      // guarded by mu
}

// A record is what one call of Write wrote, or a report about dropped records.
type record struct {
	text  []byte
	about uint64 // for a report, the number of dropped records
}

// New returns a Writer to out; tell makes the record about dropped records. Its goroutine ends after
// Close, when the last write to out has returned.
func New(out io.Writer, tell func(dropped uint64) []byte) *Writer {
	q := &Writer{out: out, tell: tell}
	q.more.L, q.idle.L = &q.mu, &q.mu
	go q.run()
	return q
}

// Write implements [io.Writer].
func (q *Writer) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.report()
	}
	if q.closed || q.untold > 0 || q.size+len(b) > maxWaiting {
		q.drop(1)
		return len(b), nil
	}
	q.add(record{text: bytes.Clone(b)})
	return len(b), nil
}

// report queues a report about dropped records, if there are any and it fits. The caller holds mu.
func (q *Writer) report() {
	if q.untold == 0 {
		return
	}
	r := record{q.tell(q.untold), q.untold}
	if q.size+len(r.text) > maxWaiting*3/4 { // with room for what follows
		return
	}
	q.untold = 0
	q.add(r)
}

// add queues a record. The caller holds mu.
func (q *Writer) add(r record) {
	q.waiting, q.size = append(q.waiting, r), q.size+len(r.text)
	q.more.Signal()
}

// drop counts n dropped records. The caller holds mu.
func (q *Writer) drop(n uint64) {
	q.dropped += n
	q.untold += n
}

// run writes the queued records to out.
func (q *Writer) run() {
	for {
		r, ok := q.next()
		if !ok {
			return
		}
		_, err := q.out.Write(r.text)
		q.wrote(r, err)
	}
}

// next removes the oldest record; ok is false where the queue is closed and empty.
func (q *Writer) next() (r record, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.more.Wait()
	}
	if len(q.waiting) == 0 {
		return r, false
	}
	r = q.waiting[0]
	q.waiting[0] = record{} // for the collector
	q.waiting = q.waiting[1:]
	q.size -= len(r.text)
	q.busy = true
	return r, true
}

// wrote notes the result of writing r to out.
func (q *Writer) wrote(r record, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	switch {
	case err == nil:
		q.report()
	case r.about > 0:
		q.untold += r.about // dropped counts them already
	default:
		q.drop(1)
	}
	if len(q.waiting) == 0 {
		q.idle.Broadcast()
	}
}

// Lost returns how many records were dropped so far, and whether records are being dropped now.
func (q *Writer) Lost() (dropped uint64, now bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped, q.untold > 0
}

// Close drops what is written from now on, and waits until all queued records are written, for
// patience at most.
func (q *Writer) Close(patience time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.report()
	q.closed = true
	q.more.Signal()
	late := false
	timer := time.AfterFunc(patience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		late = true
		q.idle.Broadcast()
	})
	defer timer.Stop()
	for !late && (q.busy || len(q.waiting) > 0) {
		q.idle.Wait()
	}
}
