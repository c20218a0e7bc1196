package coap

import (
	"errors"
	"fmt"
)

// A Rate is how many may come: PerSecond in the long run, and Burst at once. A zero
// field stands for its default.
type Rate struct {
	PerSecond int
	Burst     int
}

// StrangerLimits bound what a [Listener] does for those it knows nothing of: over UDP
// sources without an association that make a request, over DTLS those that begin a
// handshake. What established peers send is never held up by them.
//
// A peer that proves to be real gives back what it took: over UDP by the answer to a
// request of ours, whose token nobody can guess, over DTLS by a complete handshake. So
// the limits are about peers that wait to be proved, and a fleet is not held up by what
// it has done before.
//
// Every field may be zero, which stands for its default.
type StrangerLimits struct {
	// PerNet is for one network, a /24 of IPv4 or a /64 of IPv6; default 500 a second
	// and 20,000 at once, so that a fleet of 10,000 behind one address can come back at
	// once, and once more.
	PerNet Rate

	// Global is for all networks together from which no peer has proved to be real;
	// default 5,000 a second and 50,000 at once.
	Global Rate

	// PeersPerAddress is how many associations over UDP one address may have; default
	// four fifths of MaxPeers. Then the one of its own that is idle for longest makes
	// room. Unused by [ListenDTLS].
	PeersPerAddress int
}

const (
	defaultNetRate     = 500
	defaultNetBurst    = 20_000
	defaultGlobalRate  = 5000
	defaultGlobalBurst = 50_000
)

// setDefaults fills in the zero fields, and reports every mistake in the others.
func (l *StrangerLimits) setDefaults(maxPeers int) error {
	orDefault(&l.PerNet.PerSecond, defaultNetRate)
	orDefault(&l.PerNet.Burst, max(defaultNetBurst, l.PerNet.PerSecond))
	orDefault(&l.Global.PerSecond, defaultGlobalRate)
	orDefault(&l.Global.Burst, max(defaultGlobalBurst, l.Global.PerSecond))
	orDefault(&l.PeersPerAddress, max(1, maxPeers-maxPeers/5))

	var errs []error
	for _, field := range []struct {
		name  string
		value int
	}{
		{"PerNet.PerSecond", l.PerNet.PerSecond}, {"PerNet.Burst", l.PerNet.Burst},
		{"Global.PerSecond", l.Global.PerSecond}, {"Global.Burst", l.Global.Burst},
		{"PeersPerAddress", l.PeersPerAddress},
	} {
		if field.value < 0 {
			errs = append(errs, fmt.Errorf("%w: Strangers.%s %d is negative", ErrConfig, field.name, field.value))
		}
	}
	return errors.Join(errs...)
}
