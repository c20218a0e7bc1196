package coap

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

	"lwbs/bootstrap"
)

// toldUnknown is what a test was told of records that no association opens.
type toldUnknown struct {
	mu   sync.Mutex
	told []bootstrap.UnknownAssociation // guarded by mu
}

// watch lets cfg tell t of records from these ports, or from all where there are none.
func (t *toldUnknown) watch(cfg *Config, ports ...uint16) {
	cfg.DTLS.UnknownAssociation = func(u bootstrap.UnknownAssociation) {
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
		d.send(applicationData, postBS(n)...)
		time.Sleep(2 * time.Second << n)
	}
}

// A client goes on with an association that has made room for others: it is told of, once
// every few seconds while it goes on, with how many records came.
func TestUnknownAssociationIsTold(t *testing.T) {
	var told toldUnknown
	inDormitory(t, func(cfg *Config) {
		cfg.DTLS.MaxHibernated = 1
		told.watch(cfg, 9, 10)
	}, func(b *bubble, _ *dormitory) {
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
			time.Sleep(unknownPause)
			synctest.Wait()
		}
		want := "1 from 127.0.0.1:10, other replica false\n1 from 127.0.0.1:9, other replica false\n2 from 127.0.0.1:10, other replica false\n2 from 127.0.0.1:9, other replica false"
		if got := told.lines(); got != want {
			t.Errorf("told of\n%s\nwant\n%s", got, want)
		}
		if n := b.hub.counters.snapshot().Dropped; n[DropNoAssociation] != 3 || n[DropUnknownCID] != 3 {
			t.Errorf("%d and %d were dropped", n[DropNoAssociation], n[DropUnknownCID])
		}
		time.Sleep(2 * unknownSilence)
		synctest.Wait()
		if u := b.unknowns; len(u.seen)+len(u.nets) != 0 || told.lines() != "" {
			t.Errorf("it goes on: %+v", u)
		}
	})
}

// Nothing is told of what is no sign of a lost association.
func TestUnknownAssociationIsNotTold(t *testing.T) {
	again := func(b []byte) func(*bubble, *device) {
		return func(bb *bubble, d *device) {
			for range 5 {
				bb.up(d.peer, b)
				time.Sleep(2 * time.Second)
			}
		}
	}
	for name, f := range map[string]func(*bubble, *device){
		"what the association does not open": func(b *bubble, d *device) {
			forged := d.seal(applicationData, postBS(2)...)
			forged[len(forged)-1]++
			again(forged)(b, d)
		},
		"what has come before": func(b *bubble, d *device) {
			first := d.seal(applicationData, postBS(2)...)
			b.up(d.peer, first)
			again(first)(b, d)
		},
		"close_notify once more": func(b *bubble, d *device) {
			d.send(alertRecord, alertWarning, alertCloseNotify)
			again(d.seal(alertRecord, alertWarning, alertCloseNotify))(b, d)
		},
		"what close_notify has overtaken": func(b *bubble, d *device) {
			late := [][]byte{d.seal(applicationData, postBS(2)...), d.seal(applicationData, postBS(3)...)}
			d.send(alertRecord, alertWarning, alertCloseNotify)
			for _, r := range late {
				b.up(d.peer, r)
				time.Sleep(unknownSpan / 3)
			}
		},
		"an address that no device had": func(b *bubble, d *device) {
			d.peer = peerAt(99)
			again(d.seal(applicationData, postBS(2)...))(b, d)
		},
		"a handshake under way": func(b *bubble, d *device) {
			d.peer = peerAt(10)
			d.b.up(d.peer, returnHello(b.mux, d.peer, 7))
			again(d.seal(applicationData, postBS(2)...))(b, d)
		},
		"what is in the clear": func(b *bubble, d *device) {
			d.peer = peerAt(10)
			again([]byte{alertRecord, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40})(b, d)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var told toldUnknown
			inDormitory(t, func(cfg *Config) { told.watch(cfg, 9, 10) }, func(b *bubble, _ *dormitory) {
				d := b.join(peerAt(9))
				d.asks(1)
				d.sleeps()
				f(b, d)
				time.Sleep(2 * unknownPause)
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
	inDormitory(t, func(cfg *Config) {
		told.watch(cfg)
		cfg.DTLS.ReplicaID = 3
	}, func(b *bubble, _ *dormitory) {
		d := b.join(peerAt(9), dtls.WithConnectionIDGenerator(func() []byte { return []byte{} }))
		d.layer.peerCID[0] = 4
		for range 2 {
			d.send(applicationData, postBS(1)...)
			time.Sleep(unknownSpan)
		}
		time.Sleep(unknownPause)
		synctest.Wait()
		if got, want := told.lines(), "2 from 127.0.0.1:9, other replica true"; got != want {
			t.Errorf("told of %q, want %q", got, want)
		}
	})
}

// A flood from forged addresses is watched within limits, and forgotten.
func TestUnknownAssociationsAreBounded(t *testing.T) {
	var told toldUnknown
	inDormitory(t, func(cfg *Config) { told.watch(cfg) }, func(b *bubble, _ *dormitory) {
		sealed := []byte{applicationData, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7}
		for range 2 {
			for i := range 3 * maxUnknown {
				network := byte(i % 8)
				b.up(udpPeer{remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, network, 1}), uint16(i))}, sealed)
			}
			time.Sleep(unknownSpan)
		}
		u := b.unknowns
		u.mu.Lock()
		watched := len(u.seen)
		for network, n := range u.nets {
			if n > maxUnknownPerNet {
				t.Errorf("%d of %v are watched", n, network)
			}
		}
		u.mu.Unlock()
		if watched != maxUnknown {
			t.Errorf("%d are watched, want %d", watched, maxUnknown)
		}
		time.Sleep(2 * unknownSilence)
		synctest.Wait()
		if n := strings.Count(told.lines(), "\n") + 1; n != maxUnknown || len(u.seen)+len(u.nets) != 0 {
			t.Errorf("told of %d, want %d; %d are still watched", n, maxUnknown, len(u.seen))
		}
	})
}

// A NAT gives two devices each other's port while their associations hibernate: what they
// send is not taken for the other's, nothing is told of a lost association, and both are
// served when they shake hands anew, where they are now.
func TestDevicesSwapPorts(t *testing.T) {
	var told toldUnknown
	inDormitory(t, func(cfg *Config) { told.watch(cfg) }, func(b *bubble, h *dormitory) {
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
		time.Sleep(unknownPause)
		synctest.Wait()
		if n := b.hub.counters.snapshot(); n.Dropped[DropNotAuthentic] != 6 || n.Woken != 0 || len(h.peers()) != 2 || told.lines() != "" {
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
		if b.hibernated() != 2 || len(b.slots) != 2 || len(b.sleepers) != 2 {
			t.Errorf("%d hibernate, in %d places, of %d peers", b.hibernated(), len(b.slots), len(b.sleepers))
		}
	})
}
