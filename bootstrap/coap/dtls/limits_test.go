package dtls

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/hello"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// These tests measure what docs/operations.md says of the defaults.

// neverOverloaded is a monitor of a machine that is quick enough.
type neverOverloaded struct{}

func (neverOverloaded) Overloaded() bool { return false }

// peerOfNet is peer i of a /24 network.
func peerOfNet(net byte, i int) udp.Peer {
	return udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, net, byte(i)}), uint16(1000+i))}
}

// bareAssociation is an association without keys, of peer i.
func (m *mux) bareAssociation(i int, identity string) *association {
	now := time.Now()
	c := credential{identity: identity}
	return &association{mux: m, name: c.name(), credential: c, since: now, heard: now, peer: udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5684)}}
}

// enters makes an association of peer i active, which has authenticated with identity. It reports whether
// there was room.
func (m *mux) enters(i int, identity string) bool {
	bare := m.bareAssociation(i, identity)
	h := &handshake{mux: m, peer: bare.peer, engine: &stepEngine{}}
	h.setDeadline(time.Now().Add(m.cfg.DTLS.HandshakeTimeout))
	holding(&m.mu, func() { h.admission = m.limiter.Admit(h.peer.Remote.Addr(), time.Now(), func() {}) })
	a, _ := m.activate(h, bare)
	return a != nil
}

// 10,000 associations are active, and 100,000 hibernate.
func TestAssociationsByDefault(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		for i := range 10_000 {
			if !b.enters(i, fmt.Sprint("device-", i)) {
				t.Fatalf("there is no room for the %d. association", i+1)
			}
		}
		if b.enters(10_000, "device-10000") || b.associations() != 10_000 || b.hibernated() != 0 {
			t.Errorf("%d are active, %d hibernate", b.associations(), b.hibernated())
		}
		time.Sleep(2 * time.Second) // of silence
		if !b.enters(10_000, "device-10000") || b.associations() != 10_000 || b.hibernated() != 1 {
			t.Errorf("after two seconds %d are active, %d hibernate", b.associations(), b.hibernated())
		}
	})
	m := newTestMux(t, func(*Config) {})
	hibernates := func(i int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		a := m.bareAssociation(i, fmt.Sprint("device-", i))
		m.index(a)
		a.place = m.active.PushFront(a)
		do(m.hibernateLocked(a))
	}
	for i := range 100_000 {
		hibernates(i)
	}
	if n := m.hibernated(); n != 100_000 || m.hub.Meter.Snapshot().Evicted != 0 {
		t.Errorf("%d hibernate, %d were evicted", n, m.hub.Meter.Snapshot().Evicted)
	}
	hibernates(100_000)
	if n := m.hibernated(); n != 100_000 || m.hub.Meter.Snapshot().Evicted != 1 {
		t.Errorf("after one more %d hibernate, %d were evicted", n, m.hub.Meter.Snapshot().Evicted)
	}
}

// Of one peer 8 associations are active.
func TestAssociationsOfOnePeerByDefault(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		for i := range 8 {
			b.enters(i, "device")
		}
		if b.associations() != 8 || b.hibernated() != 0 {
			t.Errorf("%d are active, %d hibernate", b.associations(), b.hibernated())
		}
		if !b.enters(8, "device") || b.associations() != 8 || b.hibernated() != 1 || b.hub.Meter.Snapshot().Crowded != 1 {
			t.Errorf("after one more %d are active, %d hibernate", b.associations(), b.hibernated())
		}
	})
}

// An association that has not asked for anything hibernates after a minute, and not before.
func TestRequestTimeoutByDefault(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		b.join(peerAt(9))
		time.Sleep(time.Minute - time.Second)
		synctest.Wait()
		if b.associations() != 1 || b.hibernated() != 0 {
			t.Errorf("after 59 s %d are active, %d hibernate", b.associations(), b.hibernated())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if b.associations() != 0 || b.hibernated() != 1 {
			t.Errorf("after 60 s %d are active, %d hibernate", b.associations(), b.hibernated())
		}
	})
}

// A handshake ends 90 s after its peer has returned the cookie.
func TestHandshakeTimeoutByDefault(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		began := time.Now()
		b.take(peerAt(9), returnHello(b.mux, peerAt(9), 1))
		time.Sleep(90*time.Second - time.Millisecond)
		synctest.Wait()
		if b.handshakes() != 1 || len(b.failed) != 0 {
			t.Errorf("%d handshakes are under way, %d failed", b.handshakes(), len(b.failed))
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if h := <-b.failed; !errors.Is(h.Err, ErrHandshakeTimeout) || !h.Started.Equal(began) || b.handshakes() != 0 {
			t.Errorf("told of %+v; %d are under way", h, b.handshakes())
		}
	})
}

// 2,000 handshakes are under way, 500 of one network; the next ones wait.
func TestHandshakesByDefault(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		b.monitor = neverOverloaded{}
		come := func(net byte, first, n, underWay, waiting int) {
			t.Helper()
			for i := range n {
				peer := peerOfNet(net, first+i)
				b.take(peer, returnHello(b.mux, peer, 1))
			}
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.limiter.Len() != underWay || b.pending.Len() != waiting {
				t.Errorf("%d handshakes are under way, %d wait; want %d, %d", b.limiter.Len(), b.pending.Len(), underWay, waiting)
			}
		}
		come(0, 0, 500, 500, 0)
		come(0, 500, 1, 500, 1)
		come(1, 0, 500, 1000, 1)
		come(2, 0, 500, 1500, 1)
		come(3, 0, 500, 2000, 1)
		come(4, 0, 1, 2000, 2)
	})
}

// A handshake takes 64 datagrams, and 32 KiB of them.
func TestDatagramsOfAHandshake(t *testing.T) {
	for name, tt := range map[string]struct{ size, datagrams, bytes int }{
		"small":   {20, 64, 0},
		"large":   {record.MaxDatagram, 0, 32 << 10},
		"by ones": {1000, 0, 32 << 10},
	} {
		inSimulation(t, nil, func(b *simulatedListener) {
			peer := peerAt(9)
			second := returnHello(b.mux, peer, 1)
			b.take(peer, second)
			datagrams, taken := 1, len(second) // which has begun it
			if coaptest.PionForPSK() {         // and the one before
				w, _ := hello.ParseWhole(second)
				first, _ := w.Before()
				datagrams, taken = 2, len(first)+len(second)
			}
			h := b.handshakeAt(peer)
			put := func(size int) bool {
				b.mu.Lock()
				defer b.mu.Unlock()
				left := h.plainLeft
				h.put(peer, hello.Digest{Kind: hello.KindHello}, make([]byte, size))
				return h.plainLeft < left
			}
			for size := tt.size; size > 0; size /= 2 { // the last ones fill it up
				for put(size) {
					datagrams++
					taken += size
				}
			}
			if tt.datagrams > 0 && datagrams != tt.datagrams || tt.bytes > 0 && taken != tt.bytes || datagrams > 64 || taken > 32<<10 {
				t.Errorf("%s: it takes %d datagrams with %d bytes", name, datagrams, taken)
			}
		})
	}
}

// helloOf returns a ClientHello whose body has n bytes, by an extension for padding (RFC 7685).
func helloOf(b []byte, n int) []byte {
	body := len(b) - record.HeaderSize - record.HandshakeHeader
	fill := n - body - 6
	b = append(b, byte((fill+4)>>8), byte(fill+4), 0, 21, byte(fill>>8), byte(fill))
	b = append(b, make([]byte, fill)...)
	for at, size := range map[int]int{11: n + record.HandshakeHeader, 15: n, 23: n} { // of the record, the message, the fragment
		b[at], b[at+1] = byte(size>>8), byte(size)
	}
	return b
}

// A ClientHello of 4,096 bytes begins a handshake, and one of a byte more is dropped.
func TestLengthOfAClientHello(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		for n, want := range map[int]traffic.DropReason{4096: traffic.NotDropped, 4097: traffic.DropOversize} {
			peer := peerAt(uint16(n))
			why := b.hub.Meter.Snapshot().Dropped[traffic.DropOversize]
			b.take(peer, helloOf(returnHello(b.mux, peer, 1), n))
			if begun := b.handshakeAt(peer) != nil; begun != (want == traffic.NotDropped) {
				t.Errorf("%d bytes: a handshake begins: %t", n, begun)
			}
			if now := b.hub.Meter.Snapshot().Dropped[traffic.DropOversize]; (now > why) != (want == traffic.DropOversize) {
				t.Errorf("%d bytes: dropped %d times as oversize", n, now-why)
			}
		}
	})
}

// An association of which 32 KiB would be written is kept, and one of a byte more is not.
func TestSizeOfAKeptAssociation(t *testing.T) {
	for more, want := range map[int]int{0: 1, 1: 0} {
		inRestartable(t, nil, func(h *restartable) {
			d := h.join(peerAt(9))
			a := d.association()
			state, err := stateOf(a, 0).Encode()
			if err != nil {
				t.Fatal(err)
			}
			const memory = 8 + 1 + 2 + 1 + 1 + 4                                                     // of the request, without token, and its answer
			own := bytes.Repeat([]byte{1}, 32<<10-len(state)-memory+len(a.credential.identity)+more) // in place of the identity
			h.mu.Lock()
			a.credential = credential{own: string(own)}
			h.mu.Unlock()
			d.asks(1)
			h.settled()
			if h.disk.count() != want {
				t.Errorf("with %d bytes more %d are kept, want %d", more, h.disk.count(), want)
			}
			for _, in := range h.disk.kept {
				if n := len(in.State.Reveal()); n != 32<<10 {
					t.Errorf("it has %d bytes", n)
				}
			}
		})
	}
}

// A datagram of 8 KiB is looked at, and one of a byte more is dropped.
func TestLengthOfADatagram(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		for n, want := range map[int]traffic.DropReason{8 << 10: traffic.DropNoAssociation, 8<<10 + 1: traffic.DropOversize} {
			datagram := append([]byte{record.TypeApplicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, byte((n - record.HeaderSize) >> 8), byte(n - record.HeaderSize)}, make([]byte, n-record.HeaderSize)...)
			before := b.hub.Meter.Snapshot().Dropped
			b.take(peerAt(9), datagram)
			if now := b.hub.Meter.Snapshot().Dropped; now[want] != before[want]+1 {
				t.Errorf("%d bytes: dropped %v, before %v", n, now, before)
			}
		}
	})
}
