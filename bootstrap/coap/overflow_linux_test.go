package coap

import (
	"net"
	"testing"
	"time"
)

// What the kernel has no room for is counted when the next datagram comes.
func TestOverflow(t *testing.T) {
	cfg, err := Config{Handler: notFound{}}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	h := newHub(cfg)
	s, err := openSocket("127.0.0.1:0", h)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close(s.conn.Close)
	if err := s.conn.(*net.UDPConn).SetReadBuffer(4096); err != nil {
		t.Fatal(err)
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(s.addr()))
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
	h.spawn(func() { s.read(func(udpPeer, []byte) { came <- struct{}{} }) })
	<-came // nobody loses what comes from now on
	deadline := time.After(patience)
	for n := uint64(1); ; {
		lost := h.counters.snapshot().Dropped[DropOverflow]
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
	if n := overflows(sourceControl(peerAt(1).remote.Addr())); n != 0 {
		t.Errorf("another control message says %d", n)
	}
}
