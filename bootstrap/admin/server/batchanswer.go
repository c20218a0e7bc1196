package server

import (
	"io"
	"sync"
)

// maxAhead is how much of the answer to a batch waits for a client that does not read yet, in bytes:
// results of about 100,000 rows.
const maxAhead = 4 << 20

// An answerQueue hands on what is written to it, and does not wait for the client to read it: many
// clients send the whole of a request before they read, and would wait for the server as it for them.
type answerQueue struct {
	to    io.Writer
	flush func() error
	ended chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	waiting []byte // guarded by mu
	err     error  // of a write; guarded by mu
	closed  bool   // guarded by mu
}

// newAnswerQueue begins to hand on; close ends it.
func newAnswerQueue(to io.Writer, flush func() error) *answerQueue {
	q := &answerQueue{to: to, flush: flush, ended: make(chan struct{})}
	q.changed = sync.NewCond(&q.mu)
	go q.run()
	return q
}

// Write implements [io.Writer]. It waits while maxAhead bytes wait.
func (q *answerQueue) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) >= maxAhead && q.err == nil {
		q.changed.Wait()
	}
	if q.err != nil {
		return 0, q.err
	}
	q.waiting = append(q.waiting, b...)
	q.changed.Broadcast()
	return len(b), nil
}

// run writes until the queue is closed and empty, or a write fails.
func (q *answerQueue) run() {
	defer close(q.ended)
	for {
		b := q.next()
		if len(b) == 0 {
			return
		}
		_, err := q.to.Write(b)
		if err == nil {
			err = q.flush()
		}
		if err != nil {
			q.mu.Lock()
			q.err = err
			q.changed.Broadcast()
			q.mu.Unlock()
			return
		}
	}
}

// next waits for what is to be written; it is empty at the end.
func (q *answerQueue) next() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.changed.Wait()
	}
	b := q.waiting
	q.waiting = nil
	q.changed.Broadcast()
	return b
}

// close waits until all has been written.
func (q *answerQueue) close() {
	q.mu.Lock()
	q.closed = true
	q.changed.Broadcast()
	q.mu.Unlock()
	<-q.ended
}
