package dtls

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"lwbs/bootstrap/auth"
	"lwbs/lwm2m"
)

// storeDown returns what a look-up tells while the store does not answer.
func storeDown() error { return fmt.Errorf("%w: it is being restarted", auth.ErrLookUp) }

// A device whose key cannot be looked up for a while is let in as soon as it can: it does not have to begin anew.
func TestHandshakeWaitsForTheStore(t *testing.T) {
	const down = 20 * time.Second
	var up time.Time
	var asked atomic.Int32
	inSimulation(t, func(cfg *Config) {
		up = time.Now().Add(down)
		cfg.PSK = func(identity string) (lwm2m.Secret, error) {
			if asked.Add(1); time.Now().Before(up) {
				return lwm2m.Secret{}, storeDown()
			}
			return keyOf(identity)
		}
	}, func(b *simulatedListener) {
		took, err := b.shake(peerAt(9), testKey, constrained, time.Minute)
		if err != nil || took < down || took > down+askAgain+time.Second {
			t.Errorf("it took %v, error %v", took, err)
		}
		if n := asked.Load(); n < 15 || n > 25 {
			t.Errorf("the store was asked %d times", n)
		}
		if n := len(b.failed); n != 0 {
			t.Errorf("%d handshakes failed: %+v", n, <-b.failed)
		}
	})
}

// Where the store never answers, the handshake ends in time, sends no alert then, and its record says why. It does not say
// that the identity is unknown.
func TestHandshakeWhoseKeyIsNeverLookedUp(t *testing.T) {
	inSimulation(t, func(cfg *Config) {
		cfg.PSK = func(string) (lwm2m.Secret, error) { return lwm2m.Secret{}, storeDown() }
	}, func(b *simulatedListener) {
		began := time.Now()
		go b.shake(peerAt(9), testKey, constrained, 5*time.Minute)
		h := <-b.failed
		if took := time.Since(began); took < defaultHandshakeTimeout || took > defaultHandshakeTimeout+2*askAgain || h.Identity != "device" {
			t.Errorf("told after %v: %+v", took, h)
		}
		if !errors.Is(h.Err, auth.ErrLookUp) || errors.Is(h.Err, ErrUnknownIdentity) {
			t.Errorf("told of %v", h.Err)
		}
		time.Sleep(5 * time.Minute)
		if n := b.handshakes(); n != 0 {
			t.Errorf("%d handshakes are under way", n)
		}
	})
}

// The listener ends though the store does not answer.
func TestEndWhileAKeyIsLookedUp(t *testing.T) {
	inSimulation(t, func(cfg *Config) {
		cfg.PSK = func(string) (lwm2m.Secret, error) { return lwm2m.Secret{}, storeDown() }
	}, func(b *simulatedListener) {
		go b.shake(peerAt(9), testKey, constrained, 15*time.Second)
		time.Sleep(20 * time.Second)
		if n := b.handshakes(); n != 1 {
			t.Errorf("%d handshakes are under way", n)
		}
	})
}
