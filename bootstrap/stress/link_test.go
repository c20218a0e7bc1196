package stress_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A weather is what happens to datagrams, by seed, in each direction: the share that is lost,
// the share that comes twice, and up to which delay each of them comes, which brings them out
// of order.
//
// No datagram is lost more often than twice, and never are two of a device lost in a row in
// one direction, which is for DTLS, where no datagram is like another. Without such limits
// CoAP itself gives up on one in thirty exchanges at a loss of 30 %: five transmissions in
// vain.
type weather struct {
	loss, duplication float64
	delay             time.Duration
}

// A link is a relay in front of a server, which gives each device a port of its own, as a NAT
// does.
type link struct {
	weather weather
	front   *net.UDPConn
	server  netip.AddrPort
	wg      sync.WaitGroup

	mu    sync.Mutex
	rand  *rand.Rand
	paths map[netip.AddrPort]*path // by the device
	lost  int                      // datagrams
}

// A path is the way between one device and the server.
type path struct {
	device   netip.AddrPort
	back     *net.UDPConn
	up, down way
}

// A way is one direction of a path. What it has is guarded by mu of the link.
type way struct {
	lost  bool           // the last datagram was
	times map[string]int // that a datagram was lost
}

// loses reports whether b is lost.
func (y *way) loses(b []byte, w weather, r *rand.Rand) bool {
	chance := w.loss / (1 - w.loss) // for the share to come out as it should
	y.lost = !y.lost && y.times[string(b)] < 2 && r.Float64() < chance
	if y.lost {
		y.times[string(b)]++
	}
	return y.lost
}

// newLink returns a link that ends with the test.
func newLink(t *testing.T, server netip.AddrPort, w weather, seed uint64) *link {
	t.Helper()
	front, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	_ = front.SetReadBuffer(4 << 20) // what the kernel drops is lost twice
	l := &link{weather: w, front: front, server: server, rand: rand.New(rand.NewPCG(seed, 0)), paths: make(map[netip.AddrPort]*path)}
	l.wg.Go(l.run)
	t.Cleanup(l.close)
	return l
}

func (l *link) addr() string { return l.front.LocalAddr().String() }

func (l *link) close() {
	l.front.Close()
	l.mu.Lock()
	for _, p := range l.paths {
		p.back.Close()
	}
	l.mu.Unlock()
	l.wg.Wait()
}

// run takes what devices send.
func (l *link) run() {
	buf := make([]byte, 64<<10)
	for {
		n, from, err := l.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if p := l.path(from); p != nil {
			l.pass(&p.up, buf[:n], func(b []byte) { p.back.Write(b) })
		}
	}
}

// path returns that of a device, a new one where there is none; nil where there can be none.
func (l *link) path(device netip.AddrPort) *path {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.paths[device]; p != nil {
		return p
	}
	back, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(l.server))
	if err != nil {
		return nil
	}
	p := &path{device: device, back: back, up: way{times: make(map[string]int)}, down: way{times: make(map[string]int)}}
	l.paths[device] = p
	l.wg.Go(func() { l.answers(p) })
	return p
}

// answers takes what the server sends to a device.
func (l *link) answers(p *path) {
	buf := make([]byte, 64<<10)
	for {
		n, err := p.back.Read(buf)
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // the server is closed, which ICMP tells
			continue
		}
		l.pass(&p.down, buf[:n], func(b []byte) { l.front.WriteToUDPAddrPort(b, p.device) })
	}
}

// pass lets the weather have b, and sends what is left of it.
func (l *link) pass(y *way, b []byte, send func([]byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if y.loses(b, l.weather, l.rand) {
		l.lost++
		return
	}
	b = bytes.Clone(b)
	for again := true; again; again = l.rand.Float64() < l.weather.duplication {
		l.wg.Add(1)
		time.AfterFunc(time.Duration(l.rand.Float64()*float64(l.weather.delay)), func() {
			defer l.wg.Done()
			send(b)
		})
	}
}
