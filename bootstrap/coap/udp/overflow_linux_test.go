package udp

import (
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"

	"lwbs/bootstrap/coap/tasks"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/panics"
)

// What the kernel has no room for is counted when the next datagram comes.
func TestOverflow(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	g, meter := tasks.NewGroup(panics.New(log)), new(traffic.Meter)
	s, err := Listen("127.0.0.1:0", g, meter, log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		g.Stop()
		s.Close()
		g.Wait()
	}()
	if err := s.conn.(*net.UDPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sent = 200
	for range sent {
		if _, err := c.Write(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	came := make(chan struct{}, 10*sent)
	g.Go(func() { s.Read(func(Peer, []byte) { came <- struct{}{} }) })
	<-came // nothing is lost from now on
	deadline := time.After(time.Minute)
	for n := uint64(1); ; {
		lost := meter.Snapshot().Dropped[traffic.DropOverflow]
		if lost > 0 {
			if lost >= sent {
				t.Errorf("%d of %d were lost, though some came", lost, sent)
			}
			return
		}
		if _, err := c.Write([]byte{1}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-came:
			n++
		case <-deadline:
			t.Fatalf("%d of %d came, and nothing was counted", n, sent)
		}
	}
}

func TestOverflowsAreRead(t *testing.T) {
	if n := overflows(nil); n != 0 {
		t.Errorf("nothing says %d", n)
	}
	if n := overflows([]byte{1, 2, 3}); n != 0 {
		t.Errorf("garbage says %d", n)
	}
	if n := overflows(SourceControl(netip.MustParseAddr("127.0.0.1"))); n != 0 {
		t.Errorf("another control message says %d", n)
	}
}
