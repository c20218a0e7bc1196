package exchange

import (
	"time"

	"lwbs/bootstrap/coap/admission"
)

// busy reports whether something is under way on the conn. The caller holds mu.
func (c *Conn) busy() bool { return c.handling > 0 || c.calls > 0 || c.draining }

// Idle reports whether nothing is under way on the conn, so that it may end.
func (c *Conn) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.busy()
}

// Evictable reports whether the conn may be ended to make room for another peer: it is idle, or
// has waited for a first answer for [admission.AnswerPatience].
func (c *Conn) Evictable(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.busy() || c.unvalidated != nil && c.calls > 0 && now.Sub(c.asked) >= admission.AnswerPatience
}

// beginBusiness and endBusiness frame what keeps the conn from being idle; n counts it.
func (c *Conn) beginBusiness(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n++
}

// endBusiness: see beginBusiness.
func (c *Conn) endBusiness(n *int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*n--
	c.lastActive = time.Now()
}

// EndIdle ends the conn if it is idle, and hibernates its link if that can. It reports false where
// the conn is not idle.
func (c *Conn) EndIdle() bool {
	if l, ok := c.link.(Hibernator); ok {
		return l.Hibernate(c)
	}
	if !c.Retire() {
		return false
	}
	c.Finish()
	_ = c.link.Close() // an error has the effect of a lost datagram
	return true
}

// expire ends the conn after the idle timeout, and otherwise sets the timer to when that may
// be.
func (c *Conn) expire() {
	if left := c.idleAfter(); left > 0 || !c.EndIdle() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.closed {
			c.idle.Reset(max(left, ReleaseDelay))
		}
	}
}

// idleAfter is how long it takes until the idle timeout, if nothing happens.
func (c *Conn) idleAfter() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.busy() {
		return c.hub.cfg.IdleTimeout
	}
	return c.hub.cfg.IdleTimeout - time.Since(c.lastActive)
}

// Linger implements [bootstrap.Conn].
func (c *Conn) Linger(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.stopLinger()
	turn := c.lingerTurn
	c.linger = c.hub.Tasks.AfterFunc(d, func() { c.endLinger(turn) })
}

const (
	// ReleaseDelay is how long Release waits for the peer to close the association itself.
	ReleaseDelay = time.Second

	// releaseDelayHurried is the same during overload: in a storm, conns that were done were most
	// of the memory that the garbage collector scanned.
	releaseDelayHurried = ReleaseDelay / 10
)

// Release implements [bootstrap.Conn].
func (c *Conn) Release() {
	if c.hub.scheduler.Hurries() {
		c.Linger(releaseDelayHurried)
		return
	}
	c.Linger(ReleaseDelay)
}

// Abort implements [bootstrap.Conn].
func (c *Conn) Abort() {
	if l, ok := c.link.(Hibernator); ok {
		l.CloseNotify()
	}
	c.Release()
}

// endLinger ends the conn, unless it went on after the lingering of that turn. What is under way
// gets a moment more.
func (c *Conn) endLinger(turn int) {
	c.mu.Lock()
	stale := c.lingerTurn != turn
	c.mu.Unlock()
	if !stale && !c.EndIdle() {
		c.Linger(releaseDelayHurried)
	}
}

// stopLinger lets the conn go on, also where the timer has just fired. The caller holds mu.
func (c *Conn) stopLinger() {
	c.lingerTurn++
	if c.linger != nil {
		c.linger.Stop()
		c.linger = nil
	}
}
