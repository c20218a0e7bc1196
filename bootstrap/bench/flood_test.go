//go:build linux

package bench_test

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"
)

// What a flood may cost.
const (
	floodMemory = 150 // MiB that the server grows by
	floodDelay  = 2   // times the p99 of a quiet server
)

// A flood is datagrams that come from whom they say they do not.
type flood struct {
	datagrams int
	sources   int // addresses, each in a network of its own
	lasting   time.Duration
	to        []netip.AddrPort

	// fill writes the next datagram into b and returns its length.
	fill func(r *rand.Rand, b []byte) int
}

// floodSockets is from how many ports an address sends.
const floodSockets = 10

// start begins the flood. stop waits for its end and returns how many were sent.
func (f flood) start(b *testing.B) (stop func() int) {
	b.Helper()
	var sockets [floodSockets]*net.UDPConn
	for i := range sockets {
		conn, err := openAnywhere(4 << 10) // its answers are not read
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { conn.Close() })
		sockets[i] = conn
	}
	sent := make(chan int)
	go func() { sent <- f.run(sockets[:]) }()
	return func() int { return <-sent }
}

// run sends at an even rate.
func (f flood) run(sockets []*net.UDPConn) (sent int) {
	controls := make([][]byte, f.sources)
	for i := range controls {
		controls[i] = from(netip.AddrFrom4([4]byte{127, byte(128 + i>>8), byte(i), 1}))
	}
	r, b := rand.New(rand.NewPCG(1, 1)), make([]byte, 2048)
	const beat = time.Millisecond
	began := time.Now()
	for tick := time.Tick(beat); sent < f.datagrams; <-tick {
		due := int(float64(f.datagrams) * float64(time.Since(began)) / float64(f.lasting))
		for ; sent < min(due, f.datagrams); sent++ {
			n := f.fill(r, b)
			conn := sockets[sent/f.sources%len(sockets)]
			_, _, _ = conn.WriteMsgUDPAddrPort(b[:n], controls[sent%f.sources], f.to[sent%len(f.to)])
		}
	}
	return sent
}

// forgedHello writes a ClientHello that differs from all others.
func forgedHello(r *rand.Rand, b []byte) int {
	c := dtlsClient{state: greeted}
	n := copy(b, c.flight())
	const random = recordHeader + handshakeHeader + 2
	for i := range 4 {
		binary.BigEndian.PutUint64(b[random+8*i:], r.Uint64())
	}
	return n
}

// junk writes a datagram that means nothing, of every kind there is.
func junk(r *rand.Rand, b []byte) int {
	n := 1 + r.IntN(300)
	for i := 0; i < n; i += 8 {
		binary.BigEndian.PutUint64(b[i:], r.Uint64())
	}
	record := func(kind, epoch byte, content int) int {
		copy(b, []byte{kind, version12 >> 8, version12 & 0xff, 0, epoch})
		binary.BigEndian.PutUint16(b[11:], uint16(content))
		return recordHeader + content
	}
	switch r.IntN(8) {
	case 0:
		return record(handshakeRecord, 0, 1+n/2)
	case 1:
		return record(alertRecord, 0, 2)
	case 2:
		return record(applicationData, 0, 1+n/2)
	case 3:
		return record(applicationData, 1, 30)
	case 4: // a ClientHello that is cut off
		return min(n, forgedHello(r, b)-1)
	case 5: // one that is not, but says so
		m := forgedHello(r, b)
		b[recordHeader+1+r.IntN(11)] ^= byte(1 + r.IntN(255))
		return m
	case 6: // CoAP that is not a request
		b[0], b[1] = 0x40|b[0]&0x3f, b[1]|0x60
	}
	return n
}

// quiet is how devices come while they are not disturbed, and while they are.
var quiet = arrival{every: 10 * time.Millisecond, patience: 3 * time.Minute}

// quietSize is how many of them: a p99 needs some.
const quietSize = 1000

func BenchmarkFloodHello(b *testing.B) {
	benchmarkFlood(b, "100,000 forged ClientHellos", func(s *server) flood {
		return flood{
			datagrams: 100_000, sources: 10_000, lasting: 10 * time.Second,
			to: []netip.AddrPort{s.coaps}, fill: forgedHello,
		}
	})
}

func BenchmarkFloodJunk(b *testing.B) {
	benchmarkFlood(b, "1,000,000 junk datagrams", func(s *server) flood {
		return flood{
			datagrams: 1_000_000, sources: 10_000, lasting: 10 * time.Second,
			to: []netip.AddrPort{s.coaps, s.coap}, fill: junk,
		}
	})
}

// benchmarkFlood compares the bootstraps of devices during a flood with those before.
func benchmarkFlood(b *testing.B, name string, of func(*server) flood) {
	for b.Loop() {
		s := startServer(b)
		newField(b, s.coaps, psk(0, quietSize), weather{}).run(quiet).complete(b) // warms up
		calm := newField(b, s.coaps, psk(quietSize, quietSize), weather{}).run(quiet)
		calm.complete(b)

		before, highest, others := s.usage(b), s.watchMemory(b), watchOthers(b, s)
		field := newField(b, s.coaps, psk(2*quietSize, quietSize), weather{})
		stop := of(s).start(b)
		disturbed := field.run(quiet)
		sent := stop()
		used, memory := s.usage(b).cpu-before.cpu, highest()-before.memory
		others.report(b)
		disturbed.complete(b)
		s.agrees(b, field)

		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(sent), "datagrams")
		b.ReportMetric(1e3*calm.at(0.99).Seconds(), "calm-p99-ms")
		b.ReportMetric(1e3*disturbed.at(0.99).Seconds(), "flood-p99-ms")
		b.ReportMetric(1e3*disturbed.at(0.5).Seconds(), "flood-p50-ms")
		b.ReportMetric(used.Seconds(), "server-cpu-s")
		b.ReportMetric(float64(disturbed.repeats)/quietSize, "repeats/device")
		verdict{name + ", resident memory grows by", float64(memory) / (1 << 20), floodMemory, "MiB"}.report(b, "MiB")
		slower := disturbed.at(0.99).Seconds() / calm.at(0.99).Seconds()
		verdict{name + ", p99 of real devices over that before", slower, floodDelay, "times"}.report(b, "x-calm")
	}
}
