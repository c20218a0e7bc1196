package dtls

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"

	"lwbs/bootstrap/attempt"
	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/dtls/unknown"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/coap/udp"
)

// toldUnknown is what a test was told of records that no association opens.
type toldUnknown struct {
	mu   sync.Mutex
	told []attempt.UnknownAssociation // guarded by mu
}

// watch lets cfg tell t of records from these ports, or from all where there are none.
func (t *toldUnknown) watch(cfg *Config, ports ...uint16) {
	cfg.DTLS.UnknownAssociation = func(u attempt.UnknownAssociation) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.told = append(t.told, u)
	}
	cfg.DTLS.KnownAddress = func(a netip.AddrPort) bool { return len(ports) == 0 || slices.Contains(ports, a.Port()) }
}

// lines are what was told, one line each, in any order.
func (t *toldUnknown) lines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for _, u := range t.told {
		out = append(out, fmt.Sprintf("%d from %s, other replica %t", u.Count, u.Remote, u.OtherReplica))
	}
	t.told = nil
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// retransmits sends a request as a client does that hears nothing.
func (d *device) retransmits() {
	for n := range byte(3) {
		d.send(record.TypeApplicationData, postBS(n)...)
		time.Sleep(2 * time.Second << n)
	}
}

// A client goes on with an association that has made room for others: it is told of, once
// every few seconds while it goes on, with how many records came.
func TestUnknownAssociationIsTold(t *testing.T) {
	var told toldUnknown
	inHibernation(t, func(cfg *Config) {
		cfg.DTLS.MaxHibernated = 1
		told.watch(cfg, 9, 10)
	}, func(b *simulatedListener, _ *hibernationHandler) {
		identity := func(name string) dtls.ClientOption { return dtls.WithPSKIdentityHint([]byte(name)) }
		d := b.join(peerAt(9), identity("device-a"))
		moving := b.join(peerAt(10), identity("device-b"), dtls.WithConnectionIDGenerator(func() []byte { return []byte{} }))
		last := b.join(peerAt(11), identity("device-c"))
		for _, c := range []*device{d, moving, last} {
			c.asks(1)
			c.sleeps()
		}
		for _, c := range []*device{d, moving} {
			c.retransmits()
			time.Sleep(unknown.ReportEvery)
			synctest.Wait()
		}
		want := "1 from 127.0.0.1:10, other replica false\n1 from 127.0.0.1:9, other replica false\n2 from 127.0.0.1:10, other replica false\n2 from 127.0.0.1:9, other replica false"
		if got := told.lines(); got != want {
			t.Errorf("told of\n%s\nwant\n%s", got, want)
		}
		if n := b.hub.Meter.Snapshot().Dropped; n[traffic.DropNoAssociation] != 3 || n[traffic.DropUnknownCID] != 3 {
			t.Errorf("%d and %d were dropped", n[traffic.DropNoAssociation], n[traffic.DropUnknownCID])
		}
		time.Sleep(2 * unknown.ForgetAfter)
		synctest.Wait()
		if n, _ := b.unknowns.Watched(); n != 0 || told.lines() != "" {
			t.Errorf("%d addresses are still watched", n)
		}
	})
}

// Nothing is told of what is no sign of a lost association.
func TestUnknownAssociationIsNotTold(t *testing.T) {
	again := func(b []byte) func(*simulatedListener, *device) {
		return func(bb *simulatedListener, d *device) {
			for range 5 {
				bb.up(d.peer, b)
				time.Sleep(2 * time.Second)
			}
		}
	}
	for name, f := range map[string]func(*simulatedListener, *device){
		"what the association does not open": func(b *simulatedListener, d *device) {
			forged := d.seal(record.TypeApplicationData, postBS(2)...)
			forged[len(forged)-1]++
			again(forged)(b, d)
		},
		"what has come before": func(b *simulatedListener, d *device) {
			first := d.seal(record.TypeApplicationData, postBS(2)...)
			b.up(d.peer, first)
			again(first)(b, d)
		},
		"close_notify once more": func(b *simulatedListener, d *device) {
			d.send(record.TypeAlert, alertWarning, alertCloseNotify)
			again(d.seal(record.TypeAlert, alertWarning, alertCloseNotify))(b, d)
		},
		"what close_notify has overtaken": func(b *simulatedListener, d *device) {
			late := [][]byte{d.seal(record.TypeApplicationData, postBS(2)...), d.seal(record.TypeApplicationData, postBS(3)...)}
			d.send(record.TypeAlert, alertWarning, alertCloseNotify)
			for _, r := range late {
				b.up(d.peer, r)
				time.Sleep(unknown.MinSpan / 3)
			}
		},
		"an address that no device had": func(b *simulatedListener, d *device) {
			d.peer = peerAt(99)
			again(d.seal(record.TypeApplicationData, postBS(2)...))(b, d)
		},
		"a handshake under way": func(b *simulatedListener, d *device) {
			d.peer = peerAt(10)
			d.b.up(d.peer, returnHello(b.mux, d.peer, 7))
			again(d.seal(record.TypeApplicationData, postBS(2)...))(b, d)
		},
		"what is in the clear": func(b *simulatedListener, d *device) {
			d.peer = peerAt(10)
			again([]byte{record.TypeAlert, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40})(b, d)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told toldUnknown
			inHibernation(t, func(cfg *Config) { told.watch(cfg, 9, 10) }, func(b *simulatedListener, _ *hibernationHandler) {
				d := b.join(peerAt(9))
				d.asks(1)
				d.sleeps()
				f(b, d)
				time.Sleep(2 * unknown.ReportEvery)
				synctest.Wait()
				if got := told.lines(); got != "" {
					t.Errorf("told of %s", got)
				}
			})
		})
	}
}

// The first byte of a connection ID tells of which server it is.
func TestUnknownAssociationOfAnotherReplica(t *testing.T) {
	var told toldUnknown
	inHibernation(t, func(cfg *Config) {
		told.watch(cfg)
		cfg.DTLS.ReplicaID = 3
	}, func(b *simulatedListener, _ *hibernationHandler) {
		d := b.join(peerAt(9), dtls.WithConnectionIDGenerator(func() []byte { return []byte{} }))
		d.layer.PeerCID[0] = 4
		for range 2 {
			d.send(record.TypeApplicationData, postBS(1)...)
			time.Sleep(unknown.MinSpan)
		}
		time.Sleep(unknown.ReportEvery)
		synctest.Wait()
		if got, want := told.lines(), "2 from 127.0.0.1:9, other replica true"; got != want {
			t.Errorf("told of %q, want %q", got, want)
		}
	})
}

// A flood from forged addresses is watched within limits, and forgotten.
func TestUnknownAssociationsAreBounded(t *testing.T) {
	var told toldUnknown
	inHibernation(t, func(cfg *Config) { told.watch(cfg) }, func(b *simulatedListener, _ *hibernationHandler) {
		sealed := []byte{record.TypeApplicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7}
		for range 2 {
			for i := range 3 * unknown.MaxWatched {
				network := byte(i % 8)
				if i%2 == 0 {
					network = 0 // more than its share
				}
				b.up(udp.Peer{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, network, 1}), uint16(i))}, sealed)
			}
			time.Sleep(unknown.MinSpan)
		}
		if watched, ofOneNet := b.unknowns.Watched(); watched != unknown.MaxWatched || ofOneNet != unknown.MaxWatchedPerNet {
			t.Errorf("%d are watched, want %d; %d of one network, want %d", watched, unknown.MaxWatched, ofOneNet, unknown.MaxWatchedPerNet)
		}
		time.Sleep(2 * unknown.ForgetAfter)
		synctest.Wait()
		if n := strings.Count(told.lines(), "\n") + 1; n != unknown.MaxWatched {
			t.Errorf("told of %d, want %d", n, unknown.MaxWatched)
		}
		if n, _ := b.unknowns.Watched(); n != 0 {
			t.Errorf("%d are still watched", n)
		}
	})
}

// A NAT gives two devices each other's port while their associations hibernate: what they
// send is not taken for the other's, nothing is told of a lost association, and both are
// served when they shake hands anew, where they are now.
func TestDevicesSwapPorts(t *testing.T) {
	var told toldUnknown
	inHibernation(t, func(cfg *Config) { told.watch(cfg) }, func(b *simulatedListener, h *hibernationHandler) {
		identities := []dtls.ClientOption{dtls.WithPSKIdentityHint([]byte("device-a")), dtls.WithPSKIdentityHint([]byte("device-b"))}
		devices := []*device{b.join(peerAt(9), identities[0]), b.join(peerAt(10), identities[1])}
		for _, d := range devices {
			d.asks(1)
			d.sleeps()
		}
		devices[0].peer, devices[1].peer = devices[1].peer, devices[0].peer
		for _, d := range devices {
			d.retransmits()
		}
		time.Sleep(unknown.ReportEvery)
		synctest.Wait()
		if n := b.hub.Meter.Snapshot(); n.Dropped[traffic.DropNotAuthentic] != 6 || n.Woken != 0 || len(h.peers()) != 2 || told.lines() != "" {
			t.Errorf("%d asked; counters %+v", len(h.peers()), n)
		}
		for i, d := range devices {
			again := b.join(d.peer, identities[i])
			again.asks(2)
			again.sleeps()
		}
		asked := h.peers()
		if len(asked) != 4 || asked[2].Identity != "device-a" || asked[2].Remote != peerAt(10).String() || asked[3].Identity != "device-b" || asked[3].Remote != peerAt(9).String() {
			t.Errorf("asked: %+v", asked)
		}
		if b.hibernated() != 2 || len(b.slots) != 2 || len(b.hibernatingOf) != 2 {
			t.Errorf("%d hibernate, in %d places, of %d peers", b.hibernated(), len(b.slots), len(b.hibernatingOf))
		}
	})
}
