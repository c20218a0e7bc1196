package dtls

import (
	"bytes"
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap"
	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/auth"
	"lwbs/bootstrap/coap/coaptest"
	"lwbs/bootstrap/coap/dtls/pion"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
	"lwbs/lwm2m"
)

// A device is a client whose handshake is complete, and which the test plays from then on,
// record by record.
type device struct {
	b     *simulatedListener
	peer  udp.Peer
	layer *record.Layer
	in    *pion.Pipe
}

// join lets a client in that has a pre-shared key, with these options beside those of every
// such client.
func (b *simulatedListener) join(peer udp.Peer, options ...dtls.ClientOption) *device {
	b.t.Helper()
	return b.joinWith(peer, append([]dtls.ClientOption{
		dtls.WithPSK(func([]byte) ([]byte, error) { return []byte(testKey), nil }),
		dtls.WithPSKIdentityHint([]byte("device")),
		pion.SuiteOption(record.Suites()[:1])}, options...)...)
}

// joinWith lets a client with these options in.
func (b *simulatedListener) joinWith(peer udp.Peer, options ...dtls.ClientOption) *device {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	in := b.connect(peer)
	c, err := dtls.ClientWithOptions(in, udp.Peer{}, append(options, pion.Silence())...)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := c.HandshakeContext(ctx); err != nil {
		b.t.Fatal(err)
	}
	in.Close() // which swallows the close_notify
	c.Close()
	synctest.Wait()
	a := b.associationAt(peer)
	if a == nil {
		b.t.Fatal("there is no association")
	}
	layer, err := a.layer.ClientSide()
	if err != nil {
		b.t.Fatal(err)
	}
	d := &device{b: b, peer: peer, layer: layer, in: b.connect(peer)}
	d.layer.Next = 100 // beyond those of its handshake
	return d
}

// seal returns a record of the device.
func (d *device) seal(contentType byte, content ...byte) []byte {
	d.b.t.Helper()
	b, err := d.layer.Seal(contentType, content)
	if err != nil {
		d.b.t.Fatal(err)
	}
	return b
}

// send sends a record, and returns what came back at once.
func (d *device) send(contentType byte, content ...byte) []record.Opened {
	d.b.t.Helper()
	d.b.up(d.peer, d.seal(contentType, content...))
	return d.heard()
}

// heard returns what the server has sent in the meantime.
func (d *device) heard() (out []record.Opened) {
	d.b.t.Helper()
	synctest.Wait()
	for _, p := range d.in.Drain() {
		r, rest, ok := record.Next(p.Data)
		if !ok || len(rest) > 0 {
			d.b.t.Fatalf("%x is not one record", p.Data)
		}
		opened, why := d.layer.Open(r)
		if why != traffic.NotDropped {
			d.b.t.Fatalf("%x does not open: %v", p.Data, why)
		}
		out = append(out, opened)
	}
	return out
}

// postBS is POST /bs with this message ID.
func postBS(mid byte) []byte { return []byte{0x40, 2, 0, mid, 0xb2, 'b', 's'} }

// asks makes a request that must be answered.
func (d *device) asks(mid byte) {
	d.b.t.Helper()
	got := d.send(record.TypeApplicationData, postBS(mid)...)
	if len(got) != 1 || got[0].ContentType != record.TypeApplicationData || len(got[0].Content) != 4 || got[0].Content[0] != 0x60 || got[0].Content[3] != mid {
		d.b.t.Fatalf("request %d is answered by %+v", mid, got)
	}
}

// Where the last flight of the server is lost, the client repeats its own and gets the same
// datagram again, a number of times, and not what was never lost.
func TestLastFlightIsRepeated(t *testing.T) {
	for _, lost := range []int{0, 1, 5} {
		var flights [][]byte
		inSimulation(t, nil, func(b *simulatedListener) {
			b.lose = func(_ udp.Peer, up bool, d []byte) bool {
				if up || d[0] != record.TypeChangeCipherSpec {
					return false
				}
				flights = append(flights, bytes.Clone(d))
				return len(flights) <= lost
			}
			b.join(peerAt(9)).asks(1)
		})
		if len(flights) != lost+1 || len(slices.CompactFunc(flights, bytes.Equal)) != 1 {
			t.Errorf("with %d lost, %d were sent: %x", lost, len(flights), flights)
		}
	}
}

// A client that repeats the very record of its Finished gets the last flight too, but not
// for ever, and not when it has got it.
func TestLastFlightIsRepeatedForReplays(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		var last []byte
		b.lose = func(_ udp.Peer, up bool, d []byte) bool {
			if up && d[0] == record.TypeHandshake && d[13] == 16 { // ClientKeyExchange
				last = bytes.Clone(d)
			}
			return false
		}
		d := b.join(peerAt(9))
		repeat := func() (n int) {
			for range maxRepeats + 5 {
				b.up(d.peer, last)
				synctest.Wait()
				n += len(d.in.Drain())
			}
			return n
		}
		if n := repeat(); n != maxRepeats {
			t.Errorf("the last flight is sent again %d times, want %d", n, maxRepeats)
		}
		d = b.join(peerAt(10))
		d.asks(1)
		if n := repeat(); n != 0 {
			t.Errorf("to a client that has it %d times", n)
		}
		if got := d.send(record.TypeHandshake, 20, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0); len(got) != 0 {
			t.Errorf("a handshake message gets %+v", got)
		}
		d.asks(2)
	})
}

// Every record of the server has a number of its own, unless it is the same once more.
func TestNoNumberTwice(t *testing.T) {
	for _, lost := range []int{0, 3} {
		sent := make(map[uint64][]byte)
		inSimulation(t, nil, func(b *simulatedListener) {
			flights := 0
			b.lose = func(_ udp.Peer, up bool, d []byte) bool {
				if up {
					return false
				}
				for rest := d; len(rest) > 0; {
					r, behind, _ := record.Next(rest)
					if rest = behind; r.Epoch() == record.PlainEpoch {
						continue
					}
					if before := sent[r.Number()]; before != nil && !bytes.Equal(before, r.Content) {
						t.Errorf("two records have number %d: %x and %x", r.Number(), before, r.Content)
					}
					sent[r.Number()] = bytes.Clone(r.Content)
				}
				if d[0] == record.TypeChangeCipherSpec {
					flights++
				}
				return d[0] == record.TypeChangeCipherSpec && flights <= lost
			}
			d := b.join(peerAt(9))
			for mid := range byte(20) {
				d.asks(mid)
			}
			d.send(record.TypeAlert, alertWarning, alertCloseNotify)
		})
		if len(sent) != 22 { // Finished, the answers and close_notify
			t.Errorf("%d numbers were used, want 22", len(sent))
		}
	}
}

// Of what the client sends as soon as it may nothing is lost, though pion may be reading
// still.
func TestNothingIsLostAtTheHandoff(t *testing.T) {
	asked := make(chan struct{}, 1000)
	inSimulation(t, func(cfg *Config) {
		cfg.Exchange.Handler = coaptest.HandlerFunc(func(context.Context, bootstrap.Conn, bootstrap.Request) (bootstrap.Response, func(context.Context)) {
			asked <- struct{}{}
			return bootstrap.Response{Code: lwm2m.CodeChanged}, nil
		})
	}, func(b *simulatedListener) {
		const clients, requests = 100, 5
		for i := range clients {
			c, err := dtls.ClientWithOptions(b.connect(peerAt(uint16(1+i))), udp.Peer{},
				dtls.WithPSK(func([]byte) ([]byte, error) { return []byte(testKey), nil }),
				dtls.WithPSKIdentityHint([]byte("device")), pion.SuiteOption(record.Suites()[:1]), pion.Silence())
			if err != nil {
				t.Fatal(err)
			}
			for mid := range byte(requests) {
				if _, err := c.Write(postBS(mid)); err != nil { // the first one shakes hands
					t.Fatal(err)
				}
			}
			defer c.Close()
		}
		synctest.Wait()
		if len(asked) != clients*requests {
			t.Errorf("%d requests arrived, want %d", len(asked), clients*requests)
		}
	})
}

// hasEnded reports whether a conn has.
func hasEnded(c bootstrap.Conn) bool {
	select {
	case <-c.Done():
		return true
	default:
		return false
	}
}

// close_notify and fatal alerts end an association, where they are authentic; the first is
// answered. Other alerts do not.
func TestAssociationAlerts(t *testing.T) {
	for _, tt := range []struct {
		name         string
		level, alert byte
		ends, answer bool
	}{
		{"close_notify", alertWarning, alertCloseNotify, true, true},
		{"close_notify, fatal", alertFatal, alertCloseNotify, true, true},
		{"fatal", alertFatal, 80, true, false},
		{"warning", alertWarning, 90, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inSimulation(t, nil, func(b *simulatedListener) {
				d := b.join(peerAt(9))
				d.asks(1)
				a := b.associationAt(d.peer)
				c := a.conn
				if got := d.send(record.TypeAlert, tt.level); len(got) != 0 {
					t.Errorf("half an alert is answered by %+v", got)
				}
				got := d.send(record.TypeAlert, tt.level, tt.alert)
				answered := len(got) == 1 && got[0].ContentType == record.TypeAlert && bytes.Equal(got[0].Content, []byte{alertWarning, alertCloseNotify})
				if answered != tt.answer || !answered && len(got) > 0 {
					t.Errorf("answered by %+v", got)
				}
				if ended := hasEnded(c); ended != tt.ends || (b.associationAt(d.peer) == nil) != tt.ends {
					t.Errorf("it has ended: %t, want %t", ended, tt.ends)
				}
				if !tt.ends {
					d.asks(2)
					return
				}
				if d.send(record.TypeApplicationData, postBS(2)...); b.hub.Meter.Snapshot().Dropped[traffic.DropNoAssociation] != 1 {
					t.Error("it goes on")
				}
				if err := a.Send([]byte("x")); err == nil {
					t.Error("something is sent after the end")
				}
				if got := d.heard(); len(got) != 0 {
					t.Errorf("after the end came %+v", got)
				}
			})
		})
	}
}

// What is not authentic is counted, and costs the peer nothing.
func TestAssociationCountsForgeries(t *testing.T) {
	inSimulation(t, nil, func(b *simulatedListener) {
		d := b.join(peerAt(9))
		first := d.seal(record.TypeApplicationData, postBS(1)...)
		b.up(d.peer, first)
		forged := bytes.Clone(d.seal(record.TypeApplicationData, postBS(2)...))
		forged[len(forged)-1]++
		for range 100 {
			b.up(d.peer, forged)
			b.up(d.peer, first)
		}
		oldVersion := d.seal(record.TypeApplicationData, postBS(3)...)
		oldVersion[2] = 0xff
		b.up(d.peer, oldVersion)
		if got := b.hub.Meter.Snapshot().Dropped; got[traffic.DropNotAuthentic] != 100 || got[traffic.DropReplayed] != 100 || got[traffic.DropOutOfPlace] != 1 {
			t.Errorf("dropped: %v", got)
		}
		d.heard()
		d.asks(4)
	})
}

// A client that asks for a connection ID gets one, but not with CBC.
func TestConnectionIDBySuite(t *testing.T) {
	for _, suite := range record.Suites() {
		inSimulation(t, nil, func(b *simulatedListener) {
			d := b.join(peerAt(9), dtls.WithConnectionIDGenerator(func() []byte { return []byte{1, 2, 3, 4, 5, 6, 7, 8} }), pion.SuiteOption([]record.Suite{suite}))
			if got, want := b.associationAt(d.peer).cid != (connectionID{}), suite != record.PSKWithAES128CBCSHA256; got != want {
				t.Errorf("%v: it has one: %t, want %t", suite, got, want)
			}
			d.asks(1)
		})
	}
}

// An association without a request is told of once, and hibernates; its peer may ask later.
func TestAssociationWithoutRequest(t *testing.T) {
	told := make(chan auth.Peer, 10)
	inSimulation(t, func(cfg *Config) {
		cfg.DTLS.NoRequest = func(p auth.Peer, _ time.Time, _ attempt.UnusedEnd) { told <- p }
	}, func(b *simulatedListener) {
		silent, pings, asks := b.join(peerAt(9)), b.join(peerAt(10)), b.join(peerAt(11))
		pings.send(record.TypeApplicationData, 0x40, 0, 0, 1) // a CoAP ping
		asks.asks(1)
		time.Sleep(b.cfg.DTLS.RequestTimeout)
		if got := append(silent.heard(), pings.heard()...); len(got) != 0 || b.hibernated() != 2 || b.associations() != 1 {
			t.Errorf("%d hibernate, %d are active; heard %+v", b.hibernated(), b.associations(), got)
		}
		for range 2 {
			if p := <-told; p.Identity != "device" || !p.Secure() || p.Remote != silent.peer.String() && p.Remote != pings.peer.String() {
				t.Errorf("told of %+v", p)
			}
		}
		for _, d := range []*device{silent, pings, asks} {
			d.asks(2)
			d.send(record.TypeAlert, alertWarning, alertCloseNotify)
		}
		leaves := b.join(peerAt(12))
		leaves.send(record.TypeAlert, alertWarning, alertCloseNotify)
		if p := <-told; p.Remote != leaves.peer.String() {
			t.Errorf("told of %+v", p)
		}
	})
	select {
	case p := <-told:
		t.Errorf("told of %+v", p)
	default:
	}
}
