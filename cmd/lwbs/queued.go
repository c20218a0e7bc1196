package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// maxQueued is how many bytes wait to be written by a [queued].
const maxQueued = 1 << 20

// A queued is an [io.Writer] that never blocks and never fails: what is written waits in memory,
// up to maxQueued bytes, for a goroutine that passes it on. What finds no room, or is not
// taken, is dropped and counted; one call of Write is one record. As soon as there is room
// again, a record says how many were dropped before it. Its methods may be called concurrently.
type queued struct {
	out  io.Writer
	tell func(dropped uint64) []byte // the record about those that were dropped

	mu      sync.Mutex
	more    sync.Cond // with mu
	idle    sync.Cond // with mu
	waiting []record  // guarded by mu
	size    int       // guarded by mu; bytes of waiting
	busy    bool      // guarded by mu; one is being written
	dropped uint64    // guarded by mu; in all
	untold  uint64    // guarded by mu; of dropped, those that no record tells of
	closed  bool      // guarded by mu
}

// A record is what one call of Write wrote, or tells of records that were dropped.
type record struct {
	text  []byte
	about uint64 // records that were dropped; zero for one that was written
}

// newQueued returns a queued whose goroutine lives until close, and until out takes or refuses
// what it was given last.
func newQueued(out io.Writer, tell func(dropped uint64) []byte) *queued {
	q := &queued{out: out, tell: tell}
	q.more.L, q.idle.L = &q.mu, &q.mu
	go q.run()
	return q
}

// Write implements [io.Writer].
func (q *queued) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.report()
	}
	if q.closed || q.untold > 0 || q.size+len(b) > maxQueued {
		q.drop(1)
		return len(b), nil
	}
	q.add(record{text: bytes.Clone(b)})
	return len(b), nil
}

// report queues the record about those that were dropped, if there are any and there is room. The
// caller holds mu.
func (q *queued) report() {
	if q.untold == 0 {
		return
	}
	r := record{q.tell(q.untold), q.untold}
	if q.size+len(r.text) > maxQueued*3/4 { // with room for what follows
		return
	}
	q.untold = 0
	q.add(r)
}

// add queues a record. The caller holds mu.
func (q *queued) add(r record) {
	q.waiting, q.size = append(q.waiting, r), q.size+len(r.text)
	q.more.Signal()
}

// drop counts records that are lost. The caller holds mu.
func (q *queued) drop(n uint64) {
	q.dropped += n
	q.untold += n
}

// run passes on what waits.
func (q *queued) run() {
	for {
		r, ok := q.next()
		if !ok {
			return
		}
		_, err := q.out.Write(r.text)
		q.wrote(r, err)
	}
}

// next takes the record that has waited for longest; none where the queue is closed and empty.
func (q *queued) next() (r record, ok bool) {
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

// wrote notes what came of a record that was passed on.
func (q *queued) wrote(r record, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	switch {
	case err == nil:
		q.report()
	case r.about > 0:
		q.untold += r.about // they are counted already
	default:
		q.drop(1)
	}
	if len(q.waiting) == 0 {
		q.idle.Broadcast()
	}
}

// lost is how many records were dropped so far, and whether that goes on: those that came last
// were dropped, or wait behind one that nobody takes.
func (q *queued) lost() (dropped uint64, now bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped, q.untold > 0
}

// close takes nothing more, and waits until all is passed on, for so long at most.
func (q *queued) close(patience time.Duration) {
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
