package coap

import (
	"sync/atomic"
	"time"
)

const (
	// slow is how long datagrams of associations wait to be decrypted where there is more
	// to do than the processors can: otherwise it is microseconds.
	slow = 20 * time.Millisecond

	// alwaysUnderWay is how many handshakes may be under way however slow it all is.
	alwaysUnderWay = 64
)

// A pace is how fast the work on associations goes: the time that their datagrams wait,
// smoothed. When a fleet comes back at once it tells how many handshakes there are power
// and not just memory for: each needs the same work, and the more of them share the
// processors the later all of them are done, while their peers repeat what was not lost.
// Peers far away, whose handshakes wait for the network, do not slow it down. Its methods
// may be called concurrently.
type pace struct {
	wait atomic.Int64 // nanoseconds
}

// note takes one datagram into account. Of two that come at a time one may be left out.
func (p *pace) note(waited time.Duration) {
	old := p.wait.Load()
	p.wait.Store(old + (int64(waited)-old)/8)
}

func (p *pace) slow() bool { return p.wait.Load() > int64(slow) }
