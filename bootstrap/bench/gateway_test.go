//go:build linux

package bench_test

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

// A gateway is a socket that devices share: the address tells them apart.
type gateway struct {
	socket  *os.File
	in      inbox
	out     *outbox
	weather weather
	rand    *rand.Rand

	devices []*device
	byAddr  map[[4]byte]int // of devices
	arrival arrival
	began   time.Time
	begun   int  // of devices, in order
	over    int  // of those, done or lost
	told    bool // how it went: whoever has not begun does not any more
	left    atomic.Bool

	// dues tells for each of devices[:begun] when to act without having heard anything,
	// from began on, beside each other: most of them are looked at for nothing.
	dues []time.Duration
}

// never is the due of a device that is over.
const never = time.Duration(math.MaxInt64)

func newGateway(to netip.AddrPort, w weather, seed uint64) (*gateway, error) {
	socket, err := openBlocking(4<<20, tickEvery)
	if err != nil {
		return nil, err
	}
	return &gateway{
		socket: socket, in: inbox{newBatch(socket)}, out: newOutbox(socket, to), weather: w,
		rand:   rand.New(rand.NewPCG(seed, 0)),
		byAddr: make(map[[4]byte]int),
	}, nil
}

func (g *gateway) add(d *device) {
	control := from(d.addr)
	d.send = func(b []byte) {
		for range d.toServer.copies(g.weather, g.rand) {
			g.out.put(b, control)
		}
	}
	g.byAddr[d.addr.As4()] = len(g.devices)
	g.devices = append(g.devices, d)
}

// How often a gateway looks at the clock for its devices, and after how long it sees that
// they are to leave when they only stay.
const (
	tickEvery = 5 * time.Millisecond
	stayFor   = 50 * time.Millisecond
)

// run is the life of the gateway's devices, until they are to leave. It tells how it
// went when the last of them is done.
func (g *gateway) run(a arrival, began time.Time, tell chan<- outcome) {
	g.arrival, g.began = a, began
	now, next := began, began
	take := func(at [4]byte, b []byte) {
		if i, ok := g.byAddr[at]; ok {
			g.deliver(i, b, now)
		}
	}
	for !g.left.Load() {
		if !now.Before(next) {
			g.beginDue(now)
			g.tick(now)
			if !g.told && g.finished(now) {
				g.told = true
				tell <- g.outcome(began)
				_ = setPatience(g.socket, stayFor) // else it wakes up more often than it has to
			}
			next = now.Add(tickEvery)
		}
		g.out.flush()
		n := g.read()
		now = time.Now()
		g.in.each(n, take)
	}
}

// In a crowd that is under way no device notices a pause, and a gateway that wakes up for
// many datagrams at a time leaves the processors to the server: a wake-up costs more than
// what a device does about a datagram.
const (
	crowd      = 100
	crowdPause = time.Millisecond
)

// read reads what has come, or waits for something.
func (g *gateway) read() int {
	if g.begun-g.over < crowd {
		return g.in.read()
	}
	runtime.Gosched()
	pause(crowdPause)
	return g.in.poll()
}

// deliver gives a datagram to the device with number i, as the weather has it, and lets
// the next one come where that is due.
func (g *gateway) deliver(i int, b []byte, now time.Time) {
	d, over := g.devices[i], g.over
	for range d.fromServer.copies(g.weather, g.rand) {
		d.receive(b, now)
	}
	g.note(i)
	if g.over > over {
		g.beginDue(now)
	}
}

// note takes down what came of the device with number i.
func (g *gateway) note(i int) {
	switch d := g.devices[i]; {
	case d.phase < done:
		g.dues[i] = d.due.Sub(g.began)
	case g.dues[i] != never:
		g.dues[i] = never
		g.over++
	}
}

// beginDue begins the devices whose time has come.
func (g *gateway) beginDue(now time.Time) {
	a, since := g.arrival, now.Sub(g.began)
	for !g.told && g.begun < len(g.devices) {
		early := since < time.Duration(g.begun)*a.every
		crowded := a.atATime > 0 && g.begun-g.over >= a.atATime
		if early || crowded || a.ended(since) {
			return
		}
		g.devices[g.begun].start(now)
		g.dues = append(g.dues, 0)
		g.note(g.begun)
		g.begun++
	}
}

func (a arrival) ended(since time.Duration) bool { return a.lasting > 0 && since >= a.lasting }

// tick lets the devices act whose time has come.
func (g *gateway) tick(now time.Time) {
	since := now.Sub(g.began)
	for i, due := range g.dues {
		if due <= since {
			g.devices[i].tick(now)
			g.note(i)
		}
	}
}

func (g *gateway) finished(now time.Time) bool {
	since := now.Sub(g.began)
	if since > g.arrival.patience {
		return true
	}
	return g.over == g.begun && (g.begun == len(g.devices) || g.arrival.ended(since))
}
