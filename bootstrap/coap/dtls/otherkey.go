package dtls

import (
	"net/netip"
	"sync"
)

// maxOtherKeys is how many entries an otherKeys has in each of its two generations, at about 200 bytes
// each.
const maxOtherKeys = 2048

// An otherKeys remembers with which of two keys the next handshake of an identity begins: in DTLS-PSK
// the server must choose one before the client has shown which it has. After a handshake that is not
// complete with one key, the next from the same address is tried with the other one. So a client gets through
// in its second handshake at the latest, and peers at other addresses do not change that. The entries
// of the longest ago make room for others; a client whose entry is gone needs one handshake more. Its
// methods may be called concurrently.
type otherKeys struct {
	mu         sync.Mutex
	young, old map[otherKey]bool // whether it is the second key; guarded by mu
}

// An otherKey is who asks.
type otherKey struct {
	identity string
	from     netip.Addr
}

// second reports whether a handshake begins with the second key.
func (o *otherKeys) second(identity string, from netip.Addr) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	who := otherKey{identity, from}
	if is, ok := o.young[who]; ok {
		return is
	}
	return o.old[who]
}

// tried notes that the client has sent all in a handshake with the second key, or with the first.
func (o *otherKeys) tried(identity string, from netip.Addr, second bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.young == nil || len(o.young) >= maxOtherKeys {
		o.young, o.old = make(map[otherKey]bool), o.young
	}
	o.young[otherKey{identity, from}] = !second
}

// done forgets an identity at an address whose handshake is complete: from now on the first key is the
// one that it came with.
func (o *otherKeys) done(identity string, from netip.Addr) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.young, otherKey{identity, from})
	delete(o.old, otherKey{identity, from})
}
