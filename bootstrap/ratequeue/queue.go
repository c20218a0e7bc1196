// Package ratequeue lets devices through at a rate, the oldest first.
package ratequeue

import (
	"container/heap"
	"math"
	"sync"
	"time"

	"lwbs/lwm2m"
)

// A Queue lets at most so many devices a second through, after a burst, in the order in which they came
// first. A device that leaves without its turn has its place again if it comes back within Memory. Its methods may be
// called concurrently.
type Queue struct {
	mu      sync.Mutex
	rate    int                           // a second; guarded by mu
	tokens  float64                       // as of at; guarded by mu
	at      time.Time                     // guarded by mu
	waiting places                        // guarded by mu
	left    map[lwm2m.EndpointName]memory // those that left; guarded by mu
	seq     uint64                        // of the last place; guarded by mu
	passed  uint64                        // that had their turn; guarded by mu
	timer   *time.Timer                   // of the next turn; nil unless devices wait; guarded by mu
}

// Memory is for how long the place of a device is kept that left without its turn: longer than it takes most
// devices to come again.
const Memory = 15 * time.Minute

// maxMemory bounds how many places are kept of devices that left, at about a hundred bytes each; more are forgotten all at
// once.
const maxMemory = 50_000

type memory struct {
	came  time.Time
	seq   uint64
	until time.Time
}

// New returns a Queue that lets rate devices a second through.
func New(rate int) *Queue {
	return &Queue{rate: rate, tokens: burstOf(rate), at: time.Now(), left: make(map[lwm2m.EndpointName]memory)}
}

// burstOf is how many devices may pass at once that came after a pause: those of a tenth of a second, at least one. So no
// second has more than rate + burst.
func burstOf(rate int) float64 { return math.Max(1, float64(rate/10)) }

// Burst is how many devices a Queue of this rate lets through at once after a pause.
func Burst(rate int) int { return int(burstOf(rate)) }

// A Place is the place of one device in a Queue.
type Place struct {
	queue *Queue
	key   lwm2m.EndpointName
	came  time.Time // for the first time
	seq   uint64
	index int // in the heap; negative where it does not wait
	turn  chan struct{}
}

// Join gives a device a place, which it leaves with its turn or with Leave.
func (q *Queue) Join(ep lwm2m.EndpointName) *Place {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	p := q.place(ep, now)
	heap.Push(&q.waiting, p)
	q.serve(now)
	return p
}

// place is the place that was kept for a device, else a new one, the last of all. It does not wait yet. The caller holds mu.
func (q *Queue) place(ep lwm2m.EndpointName, now time.Time) *Place {
	p := &Place{queue: q, key: ep, index: -1, turn: make(chan struct{})}
	if kept, ok := q.left[ep]; ok && now.Before(kept.until) {
		p.came, p.seq = kept.came, kept.seq
		return p
	}
	q.seq++
	p.came, p.seq = now, q.seq
	return p
}

// serve gives turns to those that may have them now, and sets the timer for the next. The caller holds mu.
func (q *Queue) serve(now time.Time) {
	if passed := now.Sub(q.at).Seconds(); passed > 0 {
		q.tokens, q.at = math.Min(burstOf(q.rate), q.tokens+passed*float64(q.rate)), now
	}
	for len(q.waiting) > 0 && q.tokens >= 1 {
		p := heap.Pop(&q.waiting).(*Place)
		delete(q.left, p.key)
		q.tokens--
		q.passed++
		close(p.turn)
	}
	if q.timer != nil {
		q.timer.Stop()
		q.timer = nil
	}
	if len(q.waiting) > 0 {
		next := time.Duration(math.Ceil((1 - q.tokens) / float64(q.rate) * float64(time.Second)))
		q.timer = time.AfterFunc(max(next, time.Microsecond), func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.serve(time.Now())
		})
	}
}

// SetRate changes the rate for those that wait, too.
func (q *Queue) SetRate(rate int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if rate == q.rate {
		return
	}
	now := time.Now()
	q.serve(now) // what has passed by the former rate
	q.rate = rate
	q.tokens = math.Min(q.tokens, burstOf(rate))
	q.serve(now)
}

// Turn is closed when it is the device's turn.
func (p *Place) Turn() <-chan struct{} { return p.turn }

// Leave gives the place up without the turn; it is kept for the device. After the turn it does nothing.
func (p *Place) Leave() {
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.index < 0 {
		return
	}
	heap.Remove(&q.waiting, p.index)
	now := time.Now()
	q.remember(p, now)
	q.serve(now)
}

// Remember keeps a place for a device that is not to wait now, from the time on when it came first.
func (q *Queue) Remember(ep lwm2m.EndpointName) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.remember(q.place(ep, now), now)
}

func (q *Queue) remember(p *Place, now time.Time) {
	if len(q.left) >= maxMemory {
		clear(q.left)
	}
	q.left[p.key] = memory{p.came, p.seq, now.Add(Memory)}
}

// Ahead is how many devices have their turn before this one, and about how long that takes.
func (p *Place) Ahead() (devices int, wait time.Duration) {
	q := p.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if p.index < 0 {
		return 0, 0
	}
	return q.ahead(p)
}

// Ahead is the same for a device that came now, or had a place that is kept.
func (q *Queue) Ahead(ep lwm2m.EndpointName) (devices int, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.serve(now)
	return q.ahead(q.place(ep, now))
}

// ahead counts those before p. The caller holds mu.
func (q *Queue) ahead(p *Place) (devices int, wait time.Duration) {
	for _, other := range q.waiting {
		if other.before(p) {
			devices++
		}
	}
	tokens := math.Min(burstOf(q.rate), q.tokens+time.Since(q.at).Seconds()*float64(q.rate))
	return devices, time.Duration(math.Max(0, (float64(devices)+1-tokens)/float64(q.rate)) * float64(time.Second))
}

// A State is a Queue as it stands.
type State struct {
	Rate    int           // a second
	Waiting int           // devices
	Oldest  time.Duration // for how long the first of them has waited; zero for none
	Passed  uint64        // that had their turn so far
}

// State returns how q stands.
func (q *Queue) State() State {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := State{Rate: q.rate, Waiting: len(q.waiting), Passed: q.passed}
	if s.Waiting > 0 {
		s.Oldest = time.Since(q.waiting[0].came)
	}
	return s
}

// Idle reports whether nothing is lost when q is forgotten: no device waits, no place is kept, and as many may pass as
// after any pause.
func (q *Queue) Idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	q.serve(now)
	for ep, kept := range q.left {
		if !now.Before(kept.until) {
			delete(q.left, ep)
		}
	}
	return len(q.waiting) == 0 && len(q.left) == 0 && q.tokens >= burstOf(q.rate)
}

func (p *Place) before(other *Place) bool {
	if !p.came.Equal(other.came) {
		return p.came.Before(other.came)
	}
	return p.seq < other.seq
}

// places are a heap, with the one that came first in front.
type places []*Place

func (h places) Len() int           { return len(h) }
func (h places) Less(i, j int) bool { return h[i].before(h[j]) }
func (h places) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements [heap.Interface].
func (h *places) Push(x any) {
	p := x.(*Place)
	p.index = len(*h)
	*h = append(*h, p)
}

// Pop implements [heap.Interface].
func (h *places) Pop() any {
	last := len(*h) - 1
	p := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	p.index = -1
	return p
}
