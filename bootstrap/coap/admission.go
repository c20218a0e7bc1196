package coap

import "net/netip"

// An admission decides which peers may start a handshake, of those that have returned
// their cookie. It bounds the handshakes under way, in all and for each network. Not for
// concurrent use.
type admission struct {
	maxHandshakes int
	maxPerNet     int

	handshakes int
	perNet     map[netip.Prefix]int // handshakes; no zeros
}

// A ticket stands for one admitted peer.
type ticket struct {
	net     netip.Prefix
	settled bool
}

func newAdmission(cfg Config) *admission {
	return &admission{
		maxHandshakes: cfg.DTLS.MaxHandshakes,
		maxPerNet:     cfg.DTLS.MaxHandshakesPerNet,
		perNet:        make(map[netip.Prefix]int),
	}
}

// enter admits a peer that begins a handshake, or returns nil at a limit.
func (ad *admission) enter(from netip.Addr) *ticket {
	network := networkOf(from)
	if ad.handshakes >= ad.maxHandshakes || ad.perNet[network] >= ad.maxPerNet {
		return nil
	}
	ad.handshakes++
	ad.perNet[network]++
	return &ticket{net: network}
}

// settle notes that the handshake has ended, in whatever way. Only the first call for t
// does anything.
func (ad *admission) settle(t *ticket) {
	if t.settled {
		return
	}
	t.settled = true
	ad.handshakes--
	if ad.perNet[t.net]--; ad.perNet[t.net] == 0 {
		delete(ad.perNet, t.net)
	}
}

// networkOf is the part of an address that is usually in one hand.
func networkOf(a netip.Addr) netip.Prefix { return prefixOf(a, 48) }

// prefixOf is the /24 of an IPv4 address, and as many bits as are given of an IPv6 one.
func prefixOf(a netip.Addr, bits int) netip.Prefix {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		bits = 24
	}
	p, _ := a.Prefix(bits) // an error only for the zero Addr
	return p
}
