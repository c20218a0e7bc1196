package admission

import (
	"cmp"
	"errors"
	"fmt"
)

// DefaultMaxPeers is the default of how many associations a listener has at a time.
const DefaultMaxPeers = 10_000

// A Rate is that of a token bucket: PerSecond in the long run, and Burst at once. A zero field
// stands for its default.
type Rate struct {
	PerSecond int
	Burst     int
}

// NewPeerLimits limit the rate of new peers of a listener: over UDP those without an association
// that make a request, over DTLS those that begin a handshake. Established peers are never
// limited by them.
//
// A validated peer is refunded its tokens: over UDP by the answer to a request of ours, whose
// token only the peer knows, over DTLS by a complete handshake. So the limits are about peers that
// are not validated yet, and what a fleet did before does not count.
//
// Every field may be zero, which stands for its default.
type NewPeerLimits struct {
	// PerNet is for one network, a /24 of IPv4 or a /64 of IPv6; default 500 a second and
	// 20,000 at once, so that a fleet of 10,000 behind one address can come back at once,
	// twice.
	PerNet Rate

	// Global is for all networks without a validated peer together; default 5,000 a second and
	// 50,000 at once.
	Global Rate

	// PeersPerAddress is how many associations over UDP one address may have; default four fifths
	// of all. Then its own one that is idle for longest makes room. Unused with DTLS.
	PeersPerAddress int
}

const (
	defaultNetRate     = 500
	defaultNetBurst    = 20_000
	defaultGlobalRate  = 5000
	defaultGlobalBurst = 50_000
)

// SetDefaults fills in the zero fields, of a listener with so many associations at the most,
// and reports every mistake in the others.
func (l *NewPeerLimits) SetDefaults(maxPeers int) error {
	l.PerNet.PerSecond = cmp.Or(l.PerNet.PerSecond, defaultNetRate)
	l.PerNet.Burst = cmp.Or(l.PerNet.Burst, max(defaultNetBurst, l.PerNet.PerSecond))
	l.Global.PerSecond = cmp.Or(l.Global.PerSecond, defaultGlobalRate)
	l.Global.Burst = cmp.Or(l.Global.Burst, max(defaultGlobalBurst, l.Global.PerSecond))
	l.PeersPerAddress = cmp.Or(l.PeersPerAddress, max(1, maxPeers-maxPeers/5))

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
			errs = append(errs, fmt.Errorf("NewPeers.%s %d is negative", field.name, field.value))
		}
	}
	return errors.Join(errs...)
}
