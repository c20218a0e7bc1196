package fleet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"time"
)

// A Network is what happens to the datagrams between devices and server. The zero Network passes all.
type Network struct {
	// Loss is the share of datagrams that is lost in each direction, and Duplication the share of the
	// others that comes twice: 0 to less than 1.
	Loss, Duplication float64

	// Delay is how long a datagram takes in each direction, and Jitter how much more at most: with it
	// datagrams overtake each other.
	Delay, Jitter time.Duration
}

func (n Network) check() error {
	for name, share := range map[string]float64{"loss": n.Loss, "duplication": n.Duplication} {
		if !(share >= 0 && share < 1) {
			return fmt.Errorf("%w: a %s of %v is not within 0 to less than 1", ErrConfig, name, share)
		}
	}
	if n.Delay < 0 || n.Jitter < 0 {
		return fmt.Errorf("%w: a delay of %v and a jitter of %v", ErrConfig, n.Delay, n.Jitter)
	}
	return nil
}

// String describes the network.
func (n Network) String() string {
	if n == (Network{}) {
		return "no loss"
	}
	text := fmt.Sprintf("%.3g%% lost, %.3g%% twice", 100*n.Loss, 100*n.Duplication)
	if n.Delay > 0 || n.Jitter > 0 {
		text += fmt.Sprintf(", %v to %v each way", n.Delay, n.Delay+n.Jitter)
	}
	return text
}

// Traffic counts what the devices sent and received, of all of them. Retransmissions count, and what the
// [Network] loses counts as sent.
type Traffic struct {
	SentDatagrams     int64 `json:"sentDatagrams"`
	SentBytes         int64 `json:"sentBytes"`
	ReceivedDatagrams int64 `json:"receivedDatagrams"` // by the devices, without those that were lost
	ReceivedBytes     int64 `json:"receivedBytes"`
	Lost              int64 `json:"lost"`
	Duplicated        int64 `json:"duplicated"`
}

// A meter counts the traffic of a fleet.
type meter struct {
	sent, sentBytes, received, receivedBytes, lost, duplicated atomic.Int64
}

func (m *meter) traffic() Traffic {
	return Traffic{m.sent.Load(), m.sentBytes.Load(), m.received.Load(), m.receivedBytes.Load(), m.lost.Load(), m.duplicated.Load()}
}

// copies is how many of a datagram arrive.
func (n Network) copies(r *rand.Rand, m *meter) int {
	switch {
	case n.Loss > 0 && r.Float64() < n.Loss:
		m.lost.Add(1)
		return 0
	case n.Duplication > 0 && r.Float64() < n.Duplication:
		m.duplicated.Add(1)
		return 2
	}
	return 1
}

// takes is how long one datagram takes.
func (n Network) takes(r *rand.Rand) time.Duration {
	if n.Jitter == 0 {
		return n.Delay
	}
	return n.Delay + time.Duration(r.Int64N(int64(n.Jitter)+1))
}

// over returns the socket of a device, with the network before it.
func (n Network) over(nc net.Conn, seed uint64, m *meter) net.Conn {
	if n == (Network{}) {
		return &counting{Conn: nc, meter: m}
	}
	return newLink(nc, n, rand.New(rand.NewPCG(seed, 0)), m)
}

// A watched socket tells of what the network says of the server: that no one listens there.
type watched struct {
	net.Conn
	refused func()
}

func (w watched) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	w.look(err)
	return n, err
}

func (w watched) Write(b []byte) (int, error) {
	n, err := w.Conn.Write(b)
	w.look(err)
	return n, err
}

func (w watched) look(err error) {
	if errors.Is(err, syscall.ECONNREFUSED) {
		w.refused()
	}
}

// A counting socket counts.
type counting struct {
	net.Conn
	meter *meter
}

func (c *counting) Write(b []byte) (int, error) {
	c.meter.sent.Add(1)
	c.meter.sentBytes.Add(int64(len(b)))
	return c.Conn.Write(b)
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		c.meter.received.Add(1)
		c.meter.receivedBytes.Add(int64(n))
	}
	return n, err
}
