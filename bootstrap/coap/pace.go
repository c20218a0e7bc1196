package coap

import (
	"sync"
	"time"
)

const (
	// slow is how long what is to be done waits for a processor where there is more of
	// it than the processors can do: otherwise it is microseconds.
	slow = 20 * time.Millisecond

	// alwaysUnderWay is how many handshakes, and how many requests of peers, may be under
	// way however slow it all is.
	alwaysUnderWay = 64

	// paceKept is for how long after the last look at it the pace counts.
	paceKept = 200 * time.Millisecond
)

// A pace is how fast the work goes: the time that datagrams and their answers wait,
// smoothed. When a fleet comes back at once it tells how many handshakes and sessions
// there are power and not just memory for: each needs the same work, and the more of them
// share the processors the later all of them are done, while their peers repeat what was
// not lost. Peers far away, who wait for the network, do not slow it down. Its methods may
// be called concurrently.
type pace struct {
	mu   sync.Mutex
	wait time.Duration // guarded by mu
	seen time.Time     // guarded by mu; when the last one was taken into account
}

// since takes into account what became ready at ready and is attended to now.
func (p *pace) since(ready time.Time) {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wait += (now.Sub(ready) - p.wait) / 8
	p.seen = now
}

func (p *pace) slow() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wait > slow && time.Since(p.seen) < paceKept
}
