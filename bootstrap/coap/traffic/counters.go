// Package traffic counts what a listener receives, sends and drops, and names the reasons
// for drops. It imports nothing of ours, so that every part of the transport may count.
package traffic

import "sync/atomic"

// Counters are totals since a listener was opened.
type Counters struct {
	Received      uint64 // datagrams
	Sent          uint64 // datagrams, retransmissions included
	Retransmitted uint64 // requests sent again because nothing was heard
	Withheld      uint64 // datagrams not sent, beyond the amplification limit of an unvalidated address
	Duplicates    uint64 // requests and responses that had come before
	Dropped       Drops  // of those received, but for [DropOverflow]

	// Of associations:
	Woken   uint64 // that had hibernated
	Evicted uint64 // of those that hibernated, to make room for another
	Crowded uint64 // of those active, to make room for another of the same peer
	Stale   uint64 // refused after they had hibernated, as their credential is no longer valid

	// Of associations that are kept over a restart:
	Restored uint64 // that were restored after a restart
	Unkept   uint64 // times that one could not be written
}

// A Meter is the live form of [Counters]. The zero Meter has counted nothing. Its fields may
// be added to concurrently.
type Meter struct {
	Received, Sent, Retransmitted, Withheld, Duplicates atomic.Uint64
	Woken, Evicted, Crowded, Stale, Restored, Unkept    atomic.Uint64

	Dropped DropMeter
}

// Snapshot returns the totals so far. It is not atomic over all of them.
func (c *Meter) Snapshot() Counters {
	return Counters{
		Received:      c.Received.Load(),
		Sent:          c.Sent.Load(),
		Retransmitted: c.Retransmitted.Load(),
		Withheld:      c.Withheld.Load(),
		Duplicates:    c.Duplicates.Load(),
		Dropped:       c.Dropped.snapshot(),
		Woken:         c.Woken.Load(),
		Evicted:       c.Evicted.Load(),
		Crowded:       c.Crowded.Load(),
		Stale:         c.Stale.Load(),
		Restored:      c.Restored.Load(),
		Unkept:        c.Unkept.Load(),
	}
}
