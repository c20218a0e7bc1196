//go:build linux

package bench_test

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A gateway is a socket that devices share: the address tells them apart.
type gateway struct {
	conn    *net.UDPConn
	to      netip.AddrPort
	weather weather
	rand    *rand.Rand

	devices []*device
	byAddr  map[netip.Addr]*device
	begun   int  // of devices, in order
	over    int  // of those, done or lost
	told    bool // how it went: whoever has not begun does not any more
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

// run is the life of the gateway's devices, until its socket is closed. It tells how it
// went when the last of them is done.
func (g *gateway) run(a arrival, began time.Time, tell chan<- outcome) {
	buf, control := make([]byte, 4096), make([]byte, unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	next := began
	for {
		now := time.Now()
		if !now.Before(next) {
			g.beginDue(a, began, now)
			g.tick(now)
			if !g.told && g.finished(a, now.Sub(began)) {
				g.told = true
				tell <- g.outcome(began)
			}
			next = now.Add(tickEvery)
			g.conn.SetReadDeadline(next)
		}
		n, nc, _, _, err := g.conn.ReadMsgUDPAddrPort(buf, control)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || nc < len(control) {
			continue // it is time to look at the clock, or nobody listens at this moment
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
		if g.told || early || crowded || a.ended(since) {
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
