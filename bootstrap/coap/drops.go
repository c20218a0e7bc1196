package coap

import (
	"errors"
	"iter"
	"sync/atomic"
)

// A DropReason says why a datagram that came was not attended to. There is exactly one
// for each.
type DropReason uint8

const (
	notDropped DropReason = iota

	// DropOversize: larger than any message or handshake record.
	DropOversize

	// DropMalformed: not CoAP or DTLS, or against their rules.
	DropMalformed

	// DropOtherProtocol: of a protocol, or version of one, that the port is not for, which can
	// be told for sure.
	DropOtherProtocol

	// DropStray: an acknowledgement, RST or response that nobody waits for.
	DropStray

	// DropSourceRate and DropGlobalRate: a stranger beyond [StrangerLimits].
	DropSourceRate
	DropGlobalRate

	// DropAddressFull: a stranger whose address has all the associations it may have,
	// and business on those longest unheard.
	DropAddressFull

	// DropTableFull: a stranger for whom no association or handshake is left.
	DropTableFull

	// DropQueueFull: faster than the association it is for was emptied.
	DropQueueFull

	// DropBusy: a request of a peer with too many under way.
	DropBusy

	// DropOutOfPlace: DTLS that belongs to no handshake, or not where that is now.
	DropOutOfPlace

	// DropNoAssociation: encrypted DTLS from an address without an association.
	DropNoAssociation

	// DropUnknownCID: a connection ID that belongs to no association.
	DropUnknownCID

	// DropRestoring: DTLS that belongs to no association, while those from before the restart
	// are still read.
	DropRestoring

	// DropNotAuthentic: DTLS that the keys of its association do not open.
	DropNotAuthentic

	// DropReplayed: DTLS that has come before, or is too old to tell.
	DropReplayed

	// DropEnding: for an association that is about to end.
	DropEnding

	// DropOverflow: more than the receive buffer of the socket had room for. Only Linux
	// tells of these, when the next datagram comes, and they are not among the received.
	DropOverflow

	dropReasons
)

var dropNames = [dropReasons]string{
	notDropped:        "none",
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

// malformation is the reason to drop what decode returned err for.
func malformation(err error) DropReason {
	if errors.Is(err, errOversize) {
		return DropOversize
	}
	return DropMalformed
}

// Drops are how many datagrams were dropped, by [DropReason].
type Drops [dropReasons]uint64

// All ranges over every reason there is, with its count, which may be zero.
func (d Drops) All() iter.Seq2[DropReason, uint64] {
	return func(yield func(DropReason, uint64) bool) {
		for r := notDropped + 1; r < dropReasons; r++ {
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

// drops are the live form of [Drops].
type drops [dropReasons]atomic.Uint64

// add counts a datagram dropped for r; one that was not is not counted.
func (d *drops) add(r DropReason) {
	if r != notDropped {
		d[r].Add(1)
	}
}

func (d *drops) snapshot() (s Drops) {
	for r := range d {
		s[r] = d[r].Load()
	}
	return s
}
