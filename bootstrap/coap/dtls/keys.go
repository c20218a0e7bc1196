package dtls

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"sync"

	"lwbs/bootstrap/coap/dtls/pskhandshake"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// decoyKeySize is the size of a decoy key in bytes, as real ones usually have it.
const decoyKeySize = 16

// ErrIdentity: the peer claimed an identity that is empty or too long.
var ErrIdentity = pskhandshake.ErrIdentity

// A keyFinder finds the keys of identities, and makes a decoy for an unknown identity:
// the handshake then fails as it does with a wrong key, so that an unauthenticated peer does
// not learn which identities there are. Its methods may be called concurrently.
type keyFinder struct {
	lookup func(identity string) (lwm2m.Secret, error)
	other  func(identity string) (lwm2m.Secret, bool) // of the second key; nil for none
	seed   []byte                                     // of the decoy keys, so that an identity always gets the same decoy
	guard  *panics.Guard
}

func newKeyFinder(lookup func(string) (lwm2m.Secret, error), other func(string) (lwm2m.Secret, bool), guard *panics.Guard) *keyFinder {
	seed := make([]byte, sha256.Size)
	rand.Read(seed) // never fails
	return &keyFinder{lookup, other, seed, guard}
}

// key looks up the key of an identity, the zero Secret for an unknown one. One that lookup panics over is unknown.
func (f *keyFinder) key(identity string) (secret lwm2m.Secret, err error) {
	f.guard.Run(panics.Handshake, func() { secret, err = f.lookup(identity) })
	return secret, err
}

// second looks up the second key of an identity, while a key is changed.
func (f *keyFinder) second(identity string) (secret lwm2m.Secret, both bool) {
	if f.other == nil {
		return lwm2m.Secret{}, false
	}
	f.guard.Run(panics.Handshake, func() { secret, both = f.other(identity) })
	return secret, both && !secret.IsZero()
}

// find returns the key to go on with for a claimed identity, and whether it is that of
// the identity. Its errors are [ErrIdentity] and those of the look-up.
func (f *keyFinder) find(identity string) (key []byte, known bool, err error) {
	if identity == "" || len(identity) > pskhandshake.MaxIdentity {
		return nil, false, fmt.Errorf("%w: it has %d bytes, not 1 to %d", ErrIdentity, len(identity), pskhandshake.MaxIdentity)
	}
	// The decoy key is made in any case, so that both cases take the same time.
	madeUp := f.decoyKey(identity)
	secret, err := f.key(identity)
	switch {
	case err != nil:
		return nil, false, err
	case secret.IsZero():
		return madeUp, false, nil
	}
	return secret.Reveal(), true, nil
}

func (f *keyFinder) decoyKey(identity string) []byte {
	h := hmac.New(sha256.New, f.seed)
	h.Write([]byte(identity))
	return h.Sum(nil)[:decoyKeySize]
}

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
