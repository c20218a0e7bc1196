package plain

import (
	"time"

	"lwbs/bootstrap/coap/exchange"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/udp"
)

// maxMemories is how many peers memories has at most, at some 150 bytes each: half of them in each of its
// two generations.
const maxMemories = 64 << 10

// memories has what remains of peers whose conn has ended, for EXCHANGE_LIFETIME (RFC 7252 §4.8.2) and
// at most until another peer comes after twice that. Those of the longest ago make room for others: a late duplicate of theirs counts as a
// new request. Its zero value is ready. The table's mu guards it.
type memories struct {
	young, old map[udp.Peer]exchange.Memory
	since      time.Time // of young
}

// add remembers a peer.
func (m *memories) add(peer udp.Peer, memory exchange.Memory, now time.Time) {
	if memory == "" {
		return
	}
	m.age(now)
	if len(m.young) >= maxMemories/2 {
		m.turn(now)
	}
	if m.young == nil {
		m.young = make(map[udp.Peer]exchange.Memory)
	}
	m.young[peer] = memory
}

// take returns what is remembered of a peer, and forgets it: its new conn has it.
func (m *memories) take(peer udp.Peer, now time.Time) exchange.Memory {
	m.age(now)
	memory, ok := m.young[peer]
	if !ok {
		memory = m.old[peer]
	}
	delete(m.young, peer)
	delete(m.old, peer)
	return memory
}

// age drops the generations that are too old to be of use.
func (m *memories) age(now time.Time) {
	age := now.Sub(m.since)
	if age > 2*message.ExchangeLifetime {
		m.young = nil
	}
	if age > message.ExchangeLifetime {
		m.turn(now)
	}
}

// turn begins another generation.
func (m *memories) turn(now time.Time) {
	m.young, m.old, m.since = nil, m.young, now
}
