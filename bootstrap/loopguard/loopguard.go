// Package loopguard limits how often a device may begin a session.
package loopguard

import (
	"sync"
	"time"

	"lwbs/lwm2m"
)

// maxEntries bounds how many devices a Guard remembers in each of its two
// generations, at about a hundred bytes each.
const maxEntries = 100_000

// A Guard is the rate limit of the sessions of each device. A client whose new account does
// not work bootstraps again within seconds, for ever, and each round costs it flash and battery;
// one that had to repeat a bootstrap once or twice is within the limit.
//
// It forgets by generations, a window each: a device that starts no session for two
// windows is gone, and above maxEntries devices the older half goes early.
type Guard struct {
	Limit  int           // sessions within Window; the next is refused; constant
	Window time.Duration // constant

	mu      sync.Mutex
	rotated time.Time                          // guarded by mu
	young   map[lwm2m.EndpointName][]time.Time // guarded by mu; starts, oldest first
	old     map[lwm2m.EndpointName][]time.Time // guarded by mu
}

// New returns a Guard that permits a device limit sessions within window.
func New(limit int, window time.Duration) *Guard {
	return &Guard{Limit: limit, Window: window, young: make(map[lwm2m.EndpointName][]time.Time)}
}

// Start counts a session of ep and reports whether it may start.
func (g *Guard) Start(ep lwm2m.EndpointName, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Sub(g.rotated) > g.Window || len(g.young) >= maxEntries {
		g.old, g.young, g.rotated = g.young, make(map[lwm2m.EndpointName][]time.Time), now
	}
	starts := g.recent(ep, now)
	allowed := len(starts) < g.Limit
	if allowed {
		starts = append(starts[:len(starts):len(starts)], now)
	}
	g.young[ep] = starts
	return allowed
}

// Exceeded reports whether ep has started as many sessions as it may, and counts nothing.
func (g *Guard) Exceeded(ep lwm2m.EndpointName, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.recent(ep, now)) >= g.Limit
}

// recent are the starts of ep within the window, oldest first. The caller holds mu.
func (g *Guard) recent(ep lwm2m.EndpointName, now time.Time) []time.Time {
	starts, ok := g.young[ep]
	if !ok {
		starts = g.old[ep]
	}
	for len(starts) > 0 && now.Sub(starts[0]) >= g.Window {
		starts = starts[1:]
	}
	return starts
}
