package dtls

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

const (
	// maxIdentity is the longest PSK identity taken, in bytes, as RFC 7925 §4.2 asks
	// for.
	maxIdentity = 128

	// lookups is how many keys are looked up at a time.
	lookups = 8

	// decoyKeySize is the size of a decoy key in bytes, as real ones usually have it.
	decoyKeySize = 16
)

// ErrIdentity: the peer claimed an identity that is empty or too long.
var ErrIdentity = errors.New("bad PSK identity")

// A keyFinder finds the keys of identities, and makes a decoy for an unknown identity:
// the handshake then fails as it does with a wrong key, so that an unauthenticated peer does
// not learn which identities there are.
//
// It looks them up in goroutines of its own. That of a handshake lives as long as its
// association, and its stack would for as long have the size that a look at the database
// takes: a sixth of all that an association holds.
type keyFinder struct {
	lookup func(identity string) (lwm2m.Secret, bool)
	seed   []byte // of the decoy keys, so that an identity always gets the same decoy
	wanted chan wantedKey
	panics *bootstrap.Panics
}

// A wantedKey is an identity whose key is to be looked up.
type wantedKey struct {
	identity string
	found    chan<- foundKey
}

// A foundKey is what came of it.
type foundKey struct {
	secret lwm2m.Secret
	known  bool
}

func newKeyFinder(lookup func(string) (lwm2m.Secret, bool), panics *bootstrap.Panics) *keyFinder {
	seed := make([]byte, sha256.Size)
	rand.Read(seed) // never fails
	return &keyFinder{lookup, seed, make(chan wantedKey), panics}
}

// serve looks keys up until ctx ends. Several goroutines may.
func (f *keyFinder) serve(ctx context.Context) {
	for {
		select {
		case w := <-f.wanted:
			f.answer(w)
		case <-ctx.Done():
			return
		}
	}
}

// answer looks one key up. One that lookup panics over is unknown.
func (f *keyFinder) answer(w wantedKey) {
	var k foundKey
	defer func() { w.found <- k }()
	f.panics.Run(bootstrap.PartHandshake, func() { k.secret, k.known = f.lookup(w.identity) })
}

// ask has the key of an identity looked up; nothing is known once ctx has ended.
func (f *keyFinder) ask(ctx context.Context, identity string) (lwm2m.Secret, bool) {
	found := make(chan foundKey, 1)
	select {
	case f.wanted <- wantedKey{identity, found}:
		k := <-found
		return k.secret, k.known
	case <-ctx.Done():
		return lwm2m.Secret{}, false
	}
}

// find returns the key to go on with for a claimed identity, and whether it is that of
// the identity. Its error is [ErrIdentity].
func (f *keyFinder) find(ctx context.Context, identity string) (key []byte, known bool, err error) {
	if identity == "" || len(identity) > maxIdentity {
		return nil, false, fmt.Errorf("%w: it has %d bytes, not 1 to %d", ErrIdentity, len(identity), maxIdentity)
	}
	// The decoy key is made in any case, so that both cases take the same time.
	madeUp := f.decoyKey(identity)
	secret, known := f.ask(ctx, identity)
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
