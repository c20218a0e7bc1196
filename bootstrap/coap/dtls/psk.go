package dtls

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

const (
	// maxIdentity is the longest PSK identity taken, in bytes, as RFC 7925 §4.2 asks
	// for.
	maxIdentity = 128

	// decoyKeySize is the size of a decoy key in bytes, as real ones usually have it.
	decoyKeySize = 16
)

// ErrIdentity: the peer claimed an identity that is empty or too long.
var ErrIdentity = errors.New("bad PSK identity")

// A keyFinder finds the keys of identities, and makes a decoy for an unknown identity:
// the handshake then fails as it does with a wrong key, so that an unauthenticated peer does
// not learn which identities there are. Its methods may be called concurrently.
type keyFinder struct {
	lookup func(identity string) (lwm2m.Secret, bool)
	other  func(identity string) (lwm2m.Secret, bool) // of the second key; nil for none
	seed   []byte                                     // of the decoy keys, so that an identity always gets the same decoy
	guard  *panics.Guard
}

func newKeyFinder(lookup, other func(string) (lwm2m.Secret, bool), guard *panics.Guard) *keyFinder {
	seed := make([]byte, sha256.Size)
	rand.Read(seed) // never fails
	return &keyFinder{lookup, other, seed, guard}
}

// key looks up the key of an identity. One that lookup panics over is unknown.
func (f *keyFinder) key(identity string) (secret lwm2m.Secret, known bool) {
	f.guard.Run(panics.Handshake, func() { secret, known = f.lookup(identity) })
	return secret, known
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
// the identity. Its error is [ErrIdentity].
func (f *keyFinder) find(identity string) (key []byte, known bool, err error) {
	if identity == "" || len(identity) > maxIdentity {
		return nil, false, fmt.Errorf("%w: it has %d bytes, not 1 to %d", ErrIdentity, len(identity), maxIdentity)
	}
	// The decoy key is made in any case, so that both cases take the same time.
	madeUp := f.decoyKey(identity)
	secret, known := f.key(identity)
	if !known || secret.IsZero() {
		return madeUp, false, nil
	}
	return secret.Reveal(), true, nil
}

func (f *keyFinder) decoyKey(identity string) []byte {
	h := hmac.New(sha256.New, f.seed)
	h.Write([]byte(identity))
	return h.Sum(nil)[:decoyKeySize]
}
