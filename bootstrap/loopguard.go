package bootstrap

import (
	"sync"
	"time"

	"lwbs/lwm2m"
)

// maxLoopEntries bounds how many devices a loopGuard remembers in each of its two
// generations, at about a hundred bytes each.
const maxLoopEntries = 100_000

// A loopGuard is the rate limit of the sessions of each device. A client whose new account does
// not work bootstraps again within seconds, for ever, and each round costs it flash and battery;
// one that had to repeat a bootstrap once or twice is within the limit.
//
// It forgets by generations, a window each: a device that starts no session for two
// windows is gone, and above maxLoopEntries devices the older half goes early.
type loopGuard struct {
	limit  int           // sessions within window; the next is refused
	window time.Duration // both are constant

	mu      sync.Mutex
	rotated time.Time                          // guarded by mu
	young   map[lwm2m.EndpointName][]time.Time // guarded by mu; starts, oldest first
	old     map[lwm2m.EndpointName][]time.Time // guarded by mu
}

func newLoopGuard(limit int, window time.Duration) *loopGuard {
	return &loopGuard{limit: limit, window: window, young: make(map[lwm2m.EndpointName][]time.Time)}
}

// start counts a session of ep and reports whether it may start.
func (g *loopGuard) start(ep lwm2m.EndpointName, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.rotated) > g.window || len(g.young) >= maxLoopEntries {
		g.old, g.young, g.rotated = g.young, make(map[lwm2m.EndpointName][]time.Time), now
	}
	starts := g.recent(ep, now)
	allowed := len(starts) < g.limit
	if allowed {
		starts = append(starts[:len(starts):len(starts)], now)
	}
	g.young[ep] = starts
	return allowed
}

// exceeded reports whether ep has started as many sessions as it may, and counts nothing.
func (g *loopGuard) exceeded(ep lwm2m.EndpointName, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.recent(ep, now)) >= g.limit
}

// recent are the starts of ep within the window, oldest first. The caller holds mu.
func (g *loopGuard) recent(ep lwm2m.EndpointName, now time.Time) []time.Time {
	starts, ok := g.young[ep]
	if !ok {
		starts = g.old[ep]
	}
	for len(starts) > 0 && now.Sub(starts[0]) >= g.window {
		starts = starts[1:]
	}
	return starts
}
