package traffic

import (
	"iter"
	"sync/atomic"
)

// A DropReason says why a received datagram was dropped. Each dropped datagram has exactly
// one reason.
type DropReason uint8

const (
	// NotDropped: the datagram was accepted.
	NotDropped DropReason = iota

	// DropOversize: larger than any message or handshake record.
	DropOversize

	// DropMalformed: not CoAP or DTLS, or against their rules.
	DropMalformed

	// DropOtherProtocol: certainly of another protocol, or protocol version, than the port is
	// for.
	DropOtherProtocol

	// DropStray: an acknowledgement, RST or response that no exchange waits for.
	DropStray

	// DropSourceRate and DropGlobalRate: a new peer beyond the rate limit of its network, or of
	// all networks.
	DropSourceRate
	DropGlobalRate

	// DropAddressFull: a new peer whose address has all the associations it may have, none
	// of them idle.
	DropAddressFull

	// DropTableFull: a new peer while no association or handshake is free.
	DropTableFull

	// DropQueueFull: the queue of the association was full.
	DropQueueFull

	// DropBusy: a request of a peer that has too many under way.
	DropBusy

	// DropOutOfPlace: DTLS that no handshake expects now.
	DropOutOfPlace

	// DropNoAssociation: encrypted DTLS from an address without an association.
	DropNoAssociation

	// DropUnknownCID: a connection ID that belongs to no association.
	DropUnknownCID

	// DropRestoring: DTLS that belongs to no association, while those from before the restart
	// are still being restored.
	DropRestoring

	// DropNotAuthentic: DTLS that the keys of its association do not open.
	DropNotAuthentic

	// DropReplayed: a DTLS record that came before, or is older than the replay window.
	DropReplayed

	// DropEnding: for an association that is about to end.
	DropEnding

	// DropOverflow: the receive buffer of the socket was full. Only Linux reports these, with
	// the next datagram; they do not count as received.
	DropOverflow

	dropReasons
)

var dropNames = [dropReasons]string{
	NotDropped:        "none",
	DropOversize:      "oversize",
	DropMalformed:     "malformed",
	DropOtherProtocol: "other-protocol",
	DropStray:         "stray",
	DropSourceRate:    "source-rate",
	DropGlobalRate:    "global-rate",
	DropAddressFull:   "address-full",
	DropTableFull:     "table-full",
	DropQueueFull:     "queue-full",
	DropBusy:          "busy",
	DropOutOfPlace:    "out-of-place",
	DropNoAssociation: "no-association",
	DropUnknownCID:    "unknown-cid",
	DropRestoring:     "restoring",
	DropNotAuthentic:  "not-authentic",
	DropReplayed:      "replayed",
	DropEnding:        "ending",
	DropOverflow:      "overflow",
}

// String returns the name for logs and metrics, such as "queue-full".
func (r DropReason) String() string {
	if r >= dropReasons {
		return "unknown"
	}
	return dropNames[r]
}

// Drops are how many datagrams were dropped, by [DropReason].
type Drops [dropReasons]uint64

// All ranges over every reason there is, with its count, which may be zero.
func (d Drops) All() iter.Seq2[DropReason, uint64] {
	return func(yield func(DropReason, uint64) bool) {
		for r := NotDropped + 1; r < dropReasons; r++ {
			if !yield(r, d[r]) {
				return
			}
		}
	}
}

// Total is how many were dropped for whatever reason.
func (d Drops) Total() (n uint64) {
	for _, count := range d.All() {
		n += count
	}
	return n
}

// A DropMeter is the live form of [Drops].
type DropMeter [dropReasons]atomic.Uint64

// Add counts a datagram dropped for r; one that was not is not counted.
func (d *DropMeter) Add(r DropReason) {
	if r != NotDropped {
		d[r].Add(1)
	}
}

func (d *DropMeter) snapshot() (s Drops) {
	for r := range d {
		s[r] = d[r].Load()
	}
	return s
}
