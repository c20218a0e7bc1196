package coap

import (
	"net/netip"
	"testing"
	"time"
)

// An admissionTest has an admission, and names its tickets.
type admissionTest struct {
	*admission
	t       *testing.T
	now     time.Time
	evicted []string
}

func newAdmissionTest(t *testing.T, handshakes, perNet int) *admissionTest {
	cfg := Config{DTLS: DTLSConfig{MaxHandshakes: handshakes, MaxHandshakesPerNet: perNet}}
	a := &admissionTest{admission: newAdmission(cfg), t: t, now: time.Unix(1e9, 0)}
	a.maxAsking = handshakes
	return a
}

// take admits addr, or checks that it is not admitted.
func (a *admissionTest) take(addr string, want bool) *ticket {
	a.t.Helper()
	t := a.enter(netip.MustParseAddr(addr), a.now, roundTrip, func() { a.evicted = append(a.evicted, addr) })
	if (t != nil) != want {
		a.t.Fatalf("%s is admitted: %t, want %t", addr, t != nil, want)
	}
	return t
}

// gone checks which peers had to go, since the last time.
func (a *admissionTest) gone(want ...string) {
	a.t.Helper()
	if len(a.evicted) != len(want) {
		a.t.Fatalf("evicted %v, want %v", a.evicted, want)
	}
	for i := range want {
		if a.evicted[i] != want[i] {
			a.t.Fatalf("evicted %v, want %v", a.evicted, want)
		}
	}
	a.evicted = nil
}

func TestAdmissionPerNet(t *testing.T) {
	a := newAdmissionTest(t, 100, 2)
	a.take("192.0.2.1", true)
	a.take("::ffff:192.0.2.200", true)
	a.take("192.0.2.3", false)
	a.take("192.0.3.1", true)
	a.take("2001:db8:1:1::1", true)
	a.take("2001:db8:1:2::1", true)
	a.take("2001:db8:1:3::1", false)
	a.take("2001:db8:2::1", true)
	a.gone()

	a.now = a.now.Add(roundTrip)
	a.take("192.0.2.3", true)
	a.gone("192.0.2.1")
	a.take("2001:db8:1:3::1", true)
	a.gone("2001:db8:1:1::1")
}

func TestAdmissionMaxHandshakes(t *testing.T) {
	a := newAdmissionTest(t, 3, 100)
	first := a.take("192.0.2.1", true)
	a.take("198.51.100.1", true)
	third := a.take("203.0.113.1", true)
	a.take("192.0.2.2", false)

	// A complete handshake is none any more.
	a.settle(third)
	a.take("192.0.2.2", true)
	a.take("192.0.2.3", false)

	// Who has returned the cookie never has to go.
	a.prove(first)
	a.now = a.now.Add(roundTrip)
	a.take("192.0.2.3", true)
	a.gone("198.51.100.1")
	a.take("192.0.2.4", true)
	a.gone("192.0.2.2")
	a.take("192.0.2.5", false) // those that are left are too young
	a.gone()

	a.settle(first)
	a.settle(first)
	a.take("192.0.2.5", true)
	a.take("192.0.2.6", false)
}

// Nothing is left of those that have gone, at whatever stage.
func TestAdmissionSettles(t *testing.T) {
	a := newAdmissionTest(t, 100, 100)
	asking, proving, both := a.take("192.0.2.1", true), a.take("192.0.2.2", true), a.take("192.0.3.1", true)
	a.prove(proving)
	a.prove(both)
	for _, ticket := range []*ticket{asking, proving, both, both} {
		a.settle(ticket)
	}
	if a.handshakes != 0 || len(a.perNet) != 0 || a.asking.Len() != 0 {
		t.Errorf("left: %d handshakes in %d nets, %d asking", a.handshakes, len(a.perNet), a.asking.Len())
	}
}

// Few may be asking at a time; who has returned its cookie already is none of them.
func TestAdmissionMaxAsking(t *testing.T) {
	a := newAdmissionTest(t, 100, 100)
	a.maxAsking = 2
	first := a.take("192.0.2.1", true)
	a.take("198.51.100.1", true)
	a.take("203.0.113.1", false)
	if a.enter(netip.MustParseAddr("203.0.113.1"), a.now, 0, func() {}) == nil {
		t.Error("who has returned its cookie is not admitted")
	}
	a.prove(first)
	a.now = a.now.Add(roundTrip)
	a.take("203.0.113.1", true)
	a.gone("198.51.100.1")
}
