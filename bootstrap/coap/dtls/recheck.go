package dtls

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
)

// Recheck implements [exchange.Hibernator].
func (a *association) Recheck() error {
	m := a.mux
	m.mu.Lock()
	due, credential := a.recheckDue, a.credential
	m.mu.Unlock()
	if !due {
		return nil
	}
	if err := a.check(credential); err != nil {
		m.meter.Stale.Add(1)
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a.recheckDue = false
	return nil
}

// check returns why a peer with this credential would not be admitted today.
func (a *association) check(c credential) error {
	if chain := c.certificates(); len(chain) > 0 {
		return a.mux.cfg.DTLS.VerifyClient(chain)
	}
	secret, err := a.mux.keys.key(c.identity)
	other, both := a.mux.keys.second(c.identity)
	switch since := a.since.UTC().Format(time.DateTime + " UTC"); {
	case err != nil:
		return err
	case secret.IsZero():
		return fmt.Errorf("%w of the association from %s", auth.ErrKeyUnknown, since)
	case !a.hasKey(secret) && !(both && a.hasKey(other)):
		return fmt.Errorf("%w since the association from %s", auth.ErrKeyChanged, since)
	}
	return nil
}

// hasKey reports whether the peer has proved in its handshake to have a pre-shared key.
func (a *association) hasKey(key lwm2m.Secret) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	is := fingerprintOf(key.Reveal(), a.layer.Keys)
	return subtle.ConstantTimeCompare(is[:], a.keyFingerprint[:]) == 1
}

// A keyFingerprint tells whether a pre-shared key is still the one that an association was made
// with, and nothing else about it.
type keyFingerprint [16]byte

// fingerprintOf is the keyFingerprint of a pre-shared key, under the keys of its association.
func fingerprintOf(key, keys []byte) (p keyFingerprint) {
	h := hmac.New(sha256.New, keys)
	h.Write([]byte("lwbs pre-shared key"))
	h.Write(key)
	copy(p[:], h.Sum(nil))
	return p
}
