package coap

import "sync/atomic"

// Counters are totals since a [Listener] was opened.
type Counters struct {
	Received      uint64 // datagrams
	Sent          uint64 // datagrams, retransmissions included
	Retransmitted uint64 // requests sent again because nothing was heard
	Withheld      uint64 // datagrams not sent, as the address of their peer may be forged
	Duplicates    uint64 // requests and responses that had come before
	Dropped       Drops  // of those received, but for [DropOverflow]

	// Of associations:
	Woken   uint64 // that had hibernated
	Evicted uint64 // of those that hibernated, to make room for another
	Crowded uint64 // of those active, to make room for another of the same peer
	Stale   uint64 // refused after they had hibernated, as their credential counts no more

	// Of associations and a [Keeper]:
	Restored uint64 // that came back after a restart
	Unkept   uint64 // times that one could not be kept
}

// counters are the live form of [Counters].
type counters struct {
	received, sent, retransmitted, withheld, duplicates atomic.Uint64
	woken, evicted, crowded, stale, restored, unkept    atomic.Uint64

	dropped drops
}

func (c *counters) snapshot() Counters {
	return Counters{
		Received:      c.received.Load(),
		Sent:          c.sent.Load(),
		Retransmitted: c.retransmitted.Load(),
		Withheld:      c.withheld.Load(),
		Duplicates:    c.duplicates.Load(),
		Dropped:       c.dropped.snapshot(),
		Woken:         c.woken.Load(),
		Evicted:       c.evicted.Load(),
		Crowded:       c.crowded.Load(),
		Stale:         c.stale.Load(),
		Restored:      c.restored.Load(),
		Unkept:        c.unkept.Load(),
	}
}
