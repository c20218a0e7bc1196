package coap

import (
	"container/list"
	"sync"
	"time"
)

// nudgeEvery is how often a desk looks whether those that wait may begin, though none that
// is under way has ended.
const nudgeEvery = 100 * time.Millisecond

// A desk is where requests of peers wait for their handlers while there is more to do than
// power, first come, first served: see [pace]. It is for plain CoAP, where it is the first
// thing that costs; with DTLS the peers wait in the [lobby]. Its methods may be called
// concurrently.
type desk struct {
	spawn func(f func()) bool
	pace  pace

	mu       sync.Mutex
	underWay int         // guarded by mu
	waiting  list.List   // of func(); guarded by mu; no more than peers may have under way
	nudge    *time.Timer // guarded by mu; nil unless some wait
}

func newDesk(spawn func(f func()) bool) *desk { return &desk{spawn: spawn} }

// attend handles a request in a goroutine of its own, at once or later. It reports whether
// that will be so: not when no goroutine may be begun any more.
func (d *desk) attend(f func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.waiting.Len() == 0 && d.free() {
		return d.begin(f)
	}
	d.waiting.PushBack(f)
	d.more()
	d.arm()
	return true
}

// free reports whether one more may begin. The caller holds mu.
func (d *desk) free() bool { return d.underWay < alwaysAttended || !d.pace.slow() }

// begin handles f, and in the same goroutine those that wait. The caller holds mu.
func (d *desk) begin(f func()) bool {
	began := d.spawn(func() {
		for ; f != nil; f = d.next() {
			f()
		}
	})
	if began {
		d.underWay++
	}
	return began
}

// next returns what is to be handled after one is done; nil for nothing. Where there is
// power for more, it begins one more.
func (d *desk) next() (f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.underWay--
	if f = d.pop(); f != nil {
		d.underWay++
		d.more()
	}
	return f
}

// lend is for one under way that waits for a peer whose address may be forged. It keeps its
// place for answerPatience, as devices in a storm do not take longer and are to be let in at the
// pace of the work; after that it is no work, and one more may begin. It goes on with end.
func (d *desk) lend() (end func()) {
	var over, lent bool // guarded by mu
	timer := time.AfterFunc(answerPatience, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !over {
			lent = true
			d.underWay--
			d.more()
		}
	})
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		timer.Stop()
		over = true
		if lent {
			d.underWay++
		}
	}
}

// pop takes out who has waited for longest; nil where nobody does, or may begin. The
// caller holds mu.
func (d *desk) pop() func() {
	if d.waiting.Len() == 0 || !d.free() {
		return nil
	}
	return d.waiting.Remove(d.waiting.Front()).(func())
}

// more begins one that waits, if any, and forgets them all at the end. The caller holds mu.
func (d *desk) more() {
	if f := d.pop(); f != nil && !d.begin(f) {
		d.waiting.Init()
	}
}

// arm makes sure that those that wait are looked at. The caller holds mu.
func (d *desk) arm() {
	if d.nudge == nil {
		d.nudge = time.AfterFunc(nudgeEvery, d.look)
	}
}

// look begins one that waits, if it may, and looks again later.
func (d *desk) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.more()
	if d.nudge != nil && d.waiting.Len() > 0 {
		d.nudge.Reset(nudgeEvery)
		return
	}
	d.nudge = nil
}
