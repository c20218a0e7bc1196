package coap

import "time"

// busy reports whether something is under way on the conn. The caller holds mu.
func (c *conn) busy() bool { return c.underWay > 0 || c.calls > 0 || c.draining }

// resting reports whether the conn may be ended to make room for another.
func (c *conn) resting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.busy()
}

// answerPatience is for how long a conn whose peer may have forged its address waits for its
// first answer before it makes room for another, in the table and at the desk: most devices
// answer within a second. The time in which it waited at the desk does not count.
const answerPatience = time.Second

// givesWay reports whether the conn may be ended to make room for another peer: it rests, or
// waits for a first answer that probably never comes.
func (c *conn) givesWay(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.busy() || c.doubted != nil && c.calls > 0 && now.Sub(c.asked) >= answerPatience
}

// enter and leave frame what keeps the conn from being idle; n counts it.
func (c *conn) enter(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

func (c *conn) leave(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n--
	c.lastActive = time.Now()
}

// rest ends the conn where it has no business, and lets its link hibernate if it can. It
// reports false where there is business.
func (c *conn) rest() bool {
	if l, ok := c.link.(hibernator); ok {
		return l.hibernate(c)
	}
	if !c.retire() {
		return false
	}
	c.finish()
	_ = c.link.close() // an error is as good as a lost datagram
	return true
}

// expire lets the conn rest when it has been idle for long enough, and otherwise looks
// again when that may be so.
func (c *conn) expire() {
	if left := c.idleIn(); left > 0 || !c.rest() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.closed {
			c.idle.Reset(max(left, partTime))
		}
	}
}

// idleIn is when the conn will have been idle for long enough, if nothing happens.
func (c *conn) idleIn() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy() {
		return c.hub.cfg.IdleTimeout
	}
	return c.hub.cfg.IdleTimeout - time.Since(c.lastActive)
}

// Linger implements [bootstrap.Conn].
func (c *conn) Linger(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.stopLinger()
	turn := c.lingers
	c.linger = c.hub.afterFunc(d, func() { c.endLinger(turn) })
}

const (
	// partTime is for how long a conn is kept for its peer to be the one who closes it.
	partTime = time.Second

	// partTimeLate is the same while there is more to do than power: in a storm, those
	// that have all they came for were most of what the garbage collector looked at.
	partTimeLate = partTime / 10
)

// Part implements [bootstrap.Conn].
func (c *conn) Part() {
	if c.hub.late() {
		c.Linger(partTimeLate)
		return
	}
	c.Linger(partTime)
}

// Abort implements [bootstrap.Conn].
func (c *conn) Abort() {
	if l, ok := c.link.(hibernator); ok {
		l.farewell()
	}
	c.Part()
}

// endLinger lets the conn rest, unless it went on after the lingering of that turn. What is
// still being sent gets a moment more.
func (c *conn) endLinger(turn int) {
	c.mu.Lock()
	stale := c.lingers != turn
	c.mu.Unlock()
	if !stale && !c.rest() {
		c.Linger(partTimeLate)
	}
}

// stopLinger lets the conn go on, even where the timer has just run out. The caller
// holds mu.
func (c *conn) stopLinger() {
	c.lingers++
	if c.linger != nil {
		c.linger.Stop()
		c.linger = nil
	}
}
