package stress_test

import (
	"net"
	"testing"
	"time"

	"lwbs/store"
)

// forge sends n Bootstrap-Requests in the name of device 0, each from a port of its own from
// which no one answers.
func (s *server) forge(n int) {
	s.Helper()
	for i := range n {
		c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.udp.Addr()))
		s.ok(err)
		s.Cleanup(func() { c.Close() })
		_, err = c.Write(bootstrapRequest(con, uint16(i), "forged").bytes())
		s.ok(err)
	}
	s.until("the forged requests wait", func() bool { return s.core.Unvalidated() >= n })
}

func (s *server) until(what string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("it does not come about that %s", what)
		}
	}
}

// Whoever forges Bootstrap-Requests of a device, and does not get what is sent to it, neither
// ends its session nor keeps it out, and leaves its history as it is.
func TestForgedRequestsLeaveTheDeviceAlone(t *testing.T) {
	t.Parallel()
	s := newServer(t, 1)
	s.ackTimeout = patience // a forged request waits for as long as the test takes
	s.putProfile()
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.udp.Addr()))
	s.ok(err)
	defer conn.Close()
	device := &odd{server: s, conn: conn, seen: make(map[string]bool)}
	for i := range uint16(3) {
		forgeOnce := once(isMethod(put), func(p *odd, m message) {
			p.forge(20)
			p.send(p.reply(m))
		})
		if i > 0 {
			forgeOnce = nil
		}
		if got := device.play(bootstrapRequest(con, i, "tk"), 1, forgeOnce); got[0] != store.CauseDone {
			t.Fatalf("session %d of the device ends with %s", i+1, got[0])
		}
	}
	if n := s.core.Unvalidated(); n != 20 {
		t.Errorf("%d requests wait for an answer, want the 20 that are forged", n)
	}
	s.ok(s.core.Close())
	own, err := s.db.Sessions(t.Context(), store.SessionQuery{Endpoint: endpoint(0), Own: true})
	s.ok(err)
	if len(own) != 3 {
		t.Errorf("the device has %d records of its own, want 3", len(own))
	}
	for _, one := range own {
		if one.Cause != store.CauseDone {
			t.Errorf("a record of the device tells of %s: %s", one.Cause, one.Detail)
		}
	}
}
