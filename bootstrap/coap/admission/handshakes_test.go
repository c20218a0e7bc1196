package admission

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// An admissionTest has an admission, and tells who had to go.
type admissionTest struct {
	*HandshakeLimiter
	t       *testing.T
	now     time.Time
	evicted []string
}

func newAdmissionTest(t *testing.T, handshakes, perNet int) *admissionTest {
	return &admissionTest{HandshakeLimiter: NewHandshakeLimiter(handshakes, perNet), t: t, now: time.Unix(1e9, 0)}
}

// take admits addr, or checks that it is not admitted.
func (a *admissionTest) take(addr string, want bool) *Admission {
	a.t.Helper()
	t := a.Admit(netip.MustParseAddr(addr), a.now, func() { a.evicted = append(a.evicted, addr) })
	if (t != nil) != want {
		a.t.Fatalf("%s is admitted: %t, want %t", addr, t != nil, want)
	}
	return t
}

// gone checks which peers had to go, since the last time.
func (a *admissionTest) gone(want ...string) {
	a.t.Helper()
	if !slices.Equal(a.evicted, want) {
		a.t.Fatalf("evicted %v, want %v", a.evicted, want)
	}
	a.evicted = nil
}

func TestHandshakeLimiterPerNet(t *testing.T) {
	a := newAdmissionTest(t, 100, 2)
	first := a.take("192.0.2.1", true)
	a.take("::ffff:192.0.2.200", true)
	a.take("192.0.2.3", false)
	a.take("192.0.3.1", true)
	a.take("2001:db8:1:1::1", true)
	a.take("2001:db8:1:2::1", true)
	a.take("2001:db8:1:3::1", false)
	a.take("2001:db8:2::1", true)
	a.Release(first)
	a.take("192.0.2.3", true)
	a.take("192.0.2.4", false)
	a.gone()

	a.now = a.now.Add(EvictableAfter)
	a.take("192.0.2.4", true)
	a.gone("::ffff:192.0.2.200")
	a.take("2001:db8:1:3::1", true)
	a.gone("2001:db8:1:1::1")
}

func TestHandshakeLimiterMaxHandshakes(t *testing.T) {
	a := newAdmissionTest(t, 3, 100)
	a.take("192.0.2.1", true)
	a.take("198.51.100.1", true)
	third := a.take("203.0.113.1", true)
	a.take("192.0.2.2", false)
	a.Release(third) // a complete handshake is none any more
	a.Release(third)
	a.take("192.0.2.2", true)
	a.take("192.0.2.3", false)
}

// Only a silent handshake is evicted, the longest silent first, and none where there is room.
func TestHandshakeLimiterEvictsSilent(t *testing.T) {
	a := newAdmissionTest(t, 3, 100)
	a.take("192.0.2.1", true)
	second := a.take("198.51.100.1", true)
	a.now = a.now.Add(time.Second)
	third := a.take("203.0.113.1", true)
	a.now = a.now.Add(EvictableAfter - time.Second)
	a.Heard(second, a.now)
	a.take("192.0.2.2", true)
	a.gone("192.0.2.1")
	a.take("192.0.2.3", false) // the third is silent for a second less
	if at, ok := a.NextEviction(); !ok || at != a.now.Add(time.Second) {
		t.Errorf("the next one goes at %v, %t", at, ok)
	}
	a.now = a.now.Add(time.Second)
	a.take("192.0.2.3", true)
	a.gone("203.0.113.1")
	a.Heard(third, a.now) // too late
	a.Release(third)
	if n := a.Len(); n != 3 {
		t.Errorf("%d handshakes", n)
	}
	a.Release(second)
	a.now = a.now.Add(time.Hour)
	a.take("192.0.2.4", true)
	a.gone()
}

// Nothing is left of those that have gone.
func TestHandshakeLimiterSettles(t *testing.T) {
	a := newAdmissionTest(t, 100, 100)
	first, second := a.take("192.0.2.1", true), a.take("192.0.3.1", true)
	for _, ticket := range []*Admission{first, second, second} {
		a.Release(ticket)
	}
	if n := a.Len(); n != 0 || len(a.perNet) != 0 {
		t.Errorf("left: %d handshakes in %d nets", n, len(a.perNet))
	}
	if _, ok := a.NextEviction(); ok {
		t.Error("a handshake may be evicted")
	}
}
