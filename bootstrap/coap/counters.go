package coap

import "sync/atomic"

// Counters are totals since a [Listener] was opened.
type Counters struct {
	Received      uint64 // datagrams
	Sent          uint64 // datagrams, retransmissions included
	Retransmitted uint64 // requests sent again because nothing was heard
	Dropped       uint64 // datagrams that a limit kept out
	Malformed     uint64 // datagrams that are not CoAP or break its rules
	Duplicates    uint64 // requests and responses that had come before
	Stray         uint64 // acknowledgements, resets and responses nobody waited for
}

// counters are the live form of [Counters].
type counters struct {
	received, sent, retransmitted, dropped, malformed, duplicates, stray atomic.Uint64
}

func (c *counters) snapshot() Counters {
	return Counters{
		Received:      c.received.Load(),
		Sent:          c.sent.Load(),
		Retransmitted: c.retransmitted.Load(),
		Dropped:       c.dropped.Load(),
		Malformed:     c.malformed.Load(),
		Duplicates:    c.duplicates.Load(),
		Stray:         c.stray.Load(),
	}
}
