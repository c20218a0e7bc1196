package coap

import (
	"net/netip"
	"testing"
)

// An admissionTest has an admission.
type admissionTest struct {
	*admission
	t *testing.T
}

func newAdmissionTest(t *testing.T, handshakes, perNet int) *admissionTest {
	cfg := Config{DTLS: DTLSConfig{MaxHandshakes: handshakes, MaxHandshakesPerNet: perNet}}
	return &admissionTest{newAdmission(cfg), t}
}

// take admits addr, or checks that it is not admitted.
func (a *admissionTest) take(addr string, want bool) *ticket {
	a.t.Helper()
	t := a.enter(netip.MustParseAddr(addr))
	if (t != nil) != want {
		a.t.Fatalf("%s is admitted: %t, want %t", addr, t != nil, want)
	}
	return t
}

func TestAdmissionPerNet(t *testing.T) {
	a := newAdmissionTest(t, 100, 2)
	first := a.take("192.0.2.1", true)
	a.take("::ffff:192.0.2.200", true)
	a.take("192.0.2.3", false)
	a.take("192.0.3.1", true)
	a.take("2001:db8:1:1::1", true)
	a.take("2001:db8:1:2::1", true)
	a.take("2001:db8:1:3::1", false)
	a.take("2001:db8:2::1", true)
	a.settle(first)
	a.take("192.0.2.3", true)
	a.take("192.0.2.4", false)
}

func TestAdmissionMaxHandshakes(t *testing.T) {
	a := newAdmissionTest(t, 3, 100)
	a.take("192.0.2.1", true)
	a.take("198.51.100.1", true)
	third := a.take("203.0.113.1", true)
	a.take("192.0.2.2", false)
	a.settle(third) // a complete handshake is none any more
	a.settle(third)
	a.take("192.0.2.2", true)
	a.take("192.0.2.3", false)
}

// Nothing is left of those that have gone.
func TestAdmissionSettles(t *testing.T) {
	a := newAdmissionTest(t, 100, 100)
	first, second := a.take("192.0.2.1", true), a.take("192.0.3.1", true)
	for _, ticket := range []*ticket{first, second, second} {
		a.settle(ticket)
	}
	if a.handshakes != 0 || len(a.perNet) != 0 {
		t.Errorf("left: %d handshakes in %d nets", a.handshakes, len(a.perNet))
	}
}
