package fleet

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 2 * time.Minute

// echo answers each datagram with itself until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b := make([]byte, 100)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(b[:n], from)
		}
	}()
	t.Cleanup(func() { c.Close(); <-ended })
	return c.LocalAddr().String()
}

func dialed(t *testing.T, n Network, m *meter) net.Conn {
	t.Helper()
	nc, err := net.Dial("udp", echo(t))
	if err != nil {
		t.Fatal(err)
	}
	c := n.over(nc, 1, m)
	t.Cleanup(func() { c.Close() })
	return c
}

// What is written comes back after the delay of both ways, and is counted.
func TestNetworkDelays(t *testing.T) {
	for _, n := range []Network{{}, {Delay: 30 * time.Millisecond}, {Delay: 10 * time.Millisecond, Jitter: 10 * time.Millisecond}} {
		m := new(meter)
		c := dialed(t, n, m)
		began := time.Now()
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 100)
		if k, err := c.Read(b); err != nil || string(b[:k]) != "hello" {
			t.Fatalf("%v: %q, %v", n, b[:k], err)
		}
		if took := time.Since(began); took < 2*n.Delay {
			t.Errorf("%v: it took %v", n, took)
		}
		if got, want := m.traffic(), (Traffic{SentDatagrams: 1, SentBytes: 5, ReceivedDatagrams: 1, ReceivedBytes: 5}); got != want {
			t.Errorf("%v: %+v", n, got)
		}
	}
}

// A reader of a slow network has its deadline, and ends with the socket.
func TestNetworkReaderEnds(t *testing.T) {
	c := dialed(t, Network{Delay: time.Hour}, new(meter))
	_ = c.SetReadDeadline(time.Now().Add(-time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after its deadline: %v", err)
	}
	_ = c.SetDeadline(time.Time{})
	c.Close()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("when it is closed: %v", err)
	}
}

// Of many datagrams the shares that were asked for are lost and come twice, in both directions.
func TestNetworkLosesAndDuplicates(t *testing.T) {
	const n = 1000
	m := new(meter)
	c := dialed(t, Network{Loss: 0.25, Duplication: 0.5}, m)
	for range n { // one at a time, so that no socket overflows
		if _, err := c.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = c.SetReadDeadline(time.Now().Add(200 * time.Microsecond))
		for {
			if _, err := c.Read(make([]byte, 1)); err != nil {
				break
			}
			_ = c.SetReadDeadline(time.Now().Add(200 * time.Microsecond))
		}
	}
	got := m.traffic()
	// Of n datagrams 3n/4 pass, and 3n/8 of these twice: 9n/8 come to the echo, of which as many share the
	// same fate on the way back; those that come late count as well.
	if got.SentDatagrams != n || got.Lost < n*8/20 || got.Lost > n*13/20 || got.Duplicated < n*5/10 || got.Duplicated > n {
		t.Errorf("%+v", got)
	}
}
