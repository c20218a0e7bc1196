package admission

import (
	"container/list"
	"sync"
	"time"
)

// retryEvery is how often a queue looks whether requests may begin though none under way has
// ended.
const retryEvery = 100 * time.Millisecond

// AnswerPatience is for how long a client at an unvalidated address may take to answer the first
// request before it makes room for another, in the table of associations and among the requests
// under way: most devices answer within a second. The time in which its request waited in the
// queue does not count.
const AnswerPatience = time.Second

// A RequestQueue has the requests that wait for their handlers during overload, first come,
// first served: see [LoadMonitor]. It is for plain CoAP, where a handler is the first thing that
// costs; with DTLS clients wait in the [HandshakeQueue]. The queue is bounded by the associations
// and by the requests under way of each. Its methods may be called concurrently.
type RequestQueue struct {
	spawn   func(f func()) bool
	monitor LoadMonitor

	mu       sync.Mutex
	underWay int         // guarded by mu
	waiting  list.List   // of func(); guarded by mu
	timer    *time.Timer // guarded by mu; nil unless requests wait
}

// NewRequestQueue returns an empty queue. spawn runs f in a goroutine, and reports whether it
// does.
func NewRequestQueue(spawn func(f func()) bool) *RequestQueue { return &RequestQueue{spawn: spawn} }

// Schedule runs handle in a goroutine, at once or later, and reports whether it does: not once
// spawn begins none any more.
func (q *RequestQueue) Schedule(handle func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting.Len() == 0 && q.free() {
		return q.begin(handle)
	}
	q.waiting.PushBack(handle)
	q.more()
	q.armTimer()
	return true
}

// free reports whether one more may begin. The caller holds mu.
func (q *RequestQueue) free() bool { return q.underWay < minRequests || !q.monitor.Overloaded() }

// begin runs f, and in the same goroutine those that wait. The caller holds mu.
func (q *RequestQueue) begin(f func()) bool {
	began := q.spawn(func() {
		for ; f != nil; f = q.next() {
			f()
		}
	})
	if began {
		q.underWay++
	}
	return began
}

// next returns what is to run after one has ended; nil for nothing. Without overload it begins
// one more, so that the queue drains.
func (q *RequestQueue) next() (f func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.underWay--
	if f = q.pop(); f != nil {
		q.underWay++
		q.more()
	}
	return f
}

// AwaitValidation notes that a handler waits for a client at an unvalidated address. The handler
// counts as under way for [AnswerPatience], as devices in a storm answer within that; after that
// it takes no CPU, and one more may begin. It counts again from resume on.
func (q *RequestQueue) AwaitValidation() (resume func()) {
	var over, released bool // guarded by mu
	timer := time.AfterFunc(AnswerPatience, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if !over {
			released = true
			q.underWay--
			q.more()
		}
	})
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		timer.Stop()
		over = true
		if released {
			q.underWay++
		}
	}
}

// Hurries reports whether associations without business are to end early: no, as one over plain
// CoAP takes little memory.
func (q *RequestQueue) Hurries() bool { return false }

// pop takes out the request that has waited for longest; nil where none waits, or may begin. The
// caller holds mu.
func (q *RequestQueue) pop() func() {
	if q.waiting.Len() == 0 || !q.free() {
		return nil
	}
	return q.waiting.Remove(q.waiting.Front()).(func())
}

// more begins one that waits, if any. Where no goroutine begins any more it drops all that wait.
// The caller holds mu.
func (q *RequestQueue) more() {
	if f := q.pop(); f != nil && !q.begin(f) {
		q.waiting.Init()
	}
}

// armTimer sees to it that retry is called while requests wait. The caller holds mu.
func (q *RequestQueue) armTimer() {
	if q.timer == nil {
		q.timer = time.AfterFunc(retryEvery, q.retry)
	}
}

// retry begins one that waits, if it may, and comes back while others wait.
func (q *RequestQueue) retry() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.more()
	if q.timer != nil && q.waiting.Len() > 0 {
		q.timer.Reset(retryEvery)
		return
	}
	q.timer = nil
}
