//go:build linux

package bench_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An arrival is how devices come.
type arrival struct {
	every    time.Duration // from one to the next; 0: at once
	atATime  int           // the next comes when one is done; 0: no limit
	lasting  time.Duration // nobody begins after it; 0: all begin
	patience time.Duration // for the last one, from the first
	staying  time.Duration // how long devices go on to answer when all are done
}

// Weather is what happens to datagrams: the share that is lost, never two of a device in
// a row in one direction, and of the others the share that comes twice. Without that
// limit CoAP itself gives up on one in thirty requests at a loss of 30 %: all five
// transmissions, or the answers to them, are lost.
type weather struct{ loss, duplication float64 }

// chance is how probable it is that a datagram is lost that may be, for the share to
// come out as it should.
func (w weather) chance() float64 { return w.loss / (1 - w.loss) }

// A way is one direction between a device and the server.
type way struct{ lost bool }

// copies is how many of the next datagram arrive.
func (y *way) copies(w weather, r *rand.Rand) int {
	switch {
	case w == weather{}:
		return 1
	case !y.lost && r.Float64() < w.chance():
		y.lost = true
		return 0
	}
	y.lost = false
	if r.Float64() < w.duplication {
		return 2
	}
	return 1
}

// How devices are spread: as many in one network as a carrier might put there, and as
// many goroutines as processors.
const (
	devicesPerNet = 40
	gateways      = 2
)

// place is the address of the device with number i, in a /24 with some others.
func place(i int) netip.Addr {
	network := i / devicesPerNet
	return netip.AddrFrom4([4]byte{127, byte(16 + network>>8), byte(network), byte(1 + i%devicesPerNet)})
}

// A field is where devices are that go to one server.
type field struct {
	b        testing.TB
	gateways []*gateway
}

// newField puts devices into a field. They come as a says, and end with the benchmark.
func newField(b testing.TB, to netip.AddrPort, devices []*device, w weather) *field {
	b.Helper()
	f := &field{b: b}
	for i := range gateways {
		g, err := newGateway(to, w, uint64(i))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { g.conn.Close() })
		f.gateways = append(f.gateways, g)
	}
	for i, d := range devices {
		f.gateways[i%gateways].add(d)
	}
	return f
}

// run lets the devices come, and returns how it went when the last of them is done.
func (f *field) run(a arrival) outcome {
	f.b.Helper()
	var all sync.WaitGroup
	a.every *= gateways
	a.atATime = (a.atATime + gateways - 1) / gateways
	began := time.Now()
	for _, g := range f.gateways {
		all.Go(func() { g.run(a, began) })
	}
	all.Wait()
	var o outcome
	for _, g := range f.gateways {
		o.add(g, began)
	}
	slices.Sort(o.latencies)
	return o
}

// An outcome is how it went.
type outcome struct {
	latencies  []time.Duration // of the devices that are done, sorted
	took       time.Duration   // from the first to the last
	unfinished int
	failures   []string // of those, some
	attempts   int
	repeats    int
}

func (o *outcome) add(g *gateway, began time.Time) {
	for _, d := range g.devices {
		o.attempts += d.attempts
		o.repeats += d.repeats
		switch {
		case d.phase == done:
			o.latencies = append(o.latencies, d.ended.Sub(d.started))
			o.took = max(o.took, d.ended.Sub(began))
		case d.attempts > 0:
			o.unfinished++
			if len(o.failures) < 5 {
				o.failures = append(o.failures, fmt.Sprintf("%s is %v, attempt %d: %v", d.name, d.phase, d.attempts, d.failure))
			}
		}
	}
}

// at is the latency that a share of the devices stays within, such as 0.99.
func (o outcome) at(share float64) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[min(len(o.latencies)-1, int(share*float64(len(o.latencies))))]
}

// complete fails the benchmark where a device is lost.
func (o outcome) complete(b testing.TB) {
	b.Helper()
	if o.unfinished > 0 || len(o.latencies) == 0 {
		b.Fatalf("%d devices are done and %d are not: %v", len(o.latencies), o.unfinished, o.failures)
	}
}

// A gateway is a socket that devices share: the address tells them apart.
type gateway struct {
	conn    *net.UDPConn
	to      netip.AddrPort
	weather weather
	rand    *rand.Rand

	devices []*device
	byAddr  map[netip.Addr]*device
	begun   int // of devices, in order
	over    int // of those, done or lost
}

func newGateway(to netip.AddrPort, w weather, seed uint64) (*gateway, error) {
	conn, err := openAnywhere(4 << 20)
	if err != nil {
		return nil, err
	}
	return &gateway{
		conn: conn, to: to, weather: w,
		rand:   rand.New(rand.NewPCG(seed, 0)),
		byAddr: make(map[netip.Addr]*device),
	}, nil
}

// openAnywhere opens a socket that sends from any address of the host, and tells to
// which of them a datagram came.
func openAnywhere(readBuffer int) (*net.UDPConn, error) {
	conn, err := net.ListenUDP("udp4", nil)
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	var optErr error
	if err == nil {
		err = raw.Control(func(fd uintptr) {
			optErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
		})
	}
	return conn, errors.Join(err, optErr, conn.SetReadBuffer(readBuffer))
}

// from is the control message that makes a the source of a datagram (ip(7), IP_PKTINFO).
func from(a netip.Addr) []byte { return unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: a.As4()}) }

func (g *gateway) add(d *device) {
	control := from(d.addr)
	d.send = func(b []byte) {
		for range d.toServer.copies(g.weather, g.rand) {
			// What cannot be sent is lost on the way.
			_, _, _ = g.conn.WriteMsgUDPAddrPort(b, control, g.to)
		}
	}
	g.devices = append(g.devices, d)
	g.byAddr[d.addr] = d
}

// tickEvery is how often a gateway looks at the clock for its devices.
const tickEvery = 5 * time.Millisecond

// run is the life of the gateway's devices.
func (g *gateway) run(a arrival, began time.Time) {
	buf, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	next, over := began, began
	for {
		now := time.Now()
		if !now.Before(next) {
			g.beginDue(a, began, now)
			g.tick(now)
			if !g.finished(a, now.Sub(began)) {
				over = now
			} else if now.Sub(over) >= a.staying {
				return
			}
			next = now.Add(tickEvery)
			g.conn.SetReadDeadline(next)
		}
		n, nc, _, _, err := g.conn.ReadMsgUDPAddrPort(buf, control)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil || nc < len(control) {
			continue // nobody listens, at this moment
		}
		// The control message ends with in_pktinfo, and that with ipi_addr.
		at := netip.AddrFrom4([4]byte(control[unix.CmsgLen(8):][:4]))
		if d := g.byAddr[at]; d != nil {
			for range d.fromServer.copies(g.weather, g.rand) {
				g.deliver(d, buf[:n], a, began)
			}
		}
	}
}

// deliver gives a datagram to a device, and lets the next one come where that is due.
func (g *gateway) deliver(d *device, b []byte, a arrival, began time.Time) {
	over, now := d.phase >= done, time.Now()
	d.receive(b, now)
	if !over && d.phase >= done {
		g.over++
		g.beginDue(a, began, now)
	}
}

// beginDue begins the devices whose time has come.
func (g *gateway) beginDue(a arrival, began, now time.Time) {
	since := now.Sub(began)
	for g.begun < len(g.devices) {
		early := since < time.Duration(g.begun)*a.every
		crowded := a.atATime > 0 && g.begun-g.over >= a.atATime
		if early || crowded || a.ended(since) {
			return
		}
		g.devices[g.begun].start(now)
		g.begun++
	}
}

func (a arrival) ended(since time.Duration) bool { return a.lasting > 0 && since >= a.lasting }

func (g *gateway) tick(now time.Time) {
	for _, d := range g.devices[:g.begun] {
		over := d.phase >= done
		d.tick(now)
		if !over && d.phase >= done {
			g.over++
		}
	}
}

func (g *gateway) finished(a arrival, since time.Duration) bool {
	if since > a.patience {
		return true
	}
	return g.over == g.begun && (g.begun == len(g.devices) || a.ended(since))
}
