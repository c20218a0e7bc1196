package pending_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"lwbs/bootstrap/pending"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A memory is a store of pending devices. Its writes fail with err where that is set.
type memory struct {
	mu      sync.Mutex
	devices map[string]store.PendingDevice
	writes  int
	err     error
}

func newMemory() *memory { return &memory{devices: make(map[string]store.PendingDevice)} }

func (m *memory) PutPendingDevice(_ context.Context, p store.PendingDevice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.devices[p.ID], m.writes = p, m.writes+1
	}
	return errors.Join(m.err, p.Validate())
}

func (m *memory) PendingDevices(context.Context) (all []store.PendingDevice, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range m.devices {
		all = append(all, p)
	}
	return all, m.err
}

func (m *memory) DeletePendingDevice(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.devices, id)
	return m.err
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, m *memory, limits pending.Limits) *pending.List {
	t.Helper()
	l, err := pending.Open(t.Context(), m, slog.New(slog.DiscardHandler), limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// certified is a device with a certificate, in the network n; plain one over plain CoAP.
func certified(name string, n int) store.PendingDevice {
	return store.PendingDevice{
		Endpoint: lwm2m.EndpointName(name), Named: true, Transport: store.TransportDTLS, Kind: store.CredentialCertificateName, Identity: name,
		Names: []string{name}, Remote: fmt.Sprintf("192.0.%d.1:5683", n),
	}
}

func plain(name string, n int) store.PendingDevice {
	return store.PendingDevice{Endpoint: lwm2m.EndpointName(name), Named: true, Transport: store.TransportPlain, Remote: fmt.Sprintf("192.0.%d.1:5683", n)}
}

// wait is a session that waits from so many seconds after noon on.
func wait(seconds int) pending.Wait {
	at := noon.Add(time.Duration(seconds) * time.Second)
	return pending.Wait{Session: fmt.Sprintf("s%d", seconds), Since: at, Until: at.Add(time.Minute)}
}

// park parks a device, and lets it go away again.
func away(t *testing.T, l *pending.List, p store.PendingDevice, seconds int) string {
	t.Helper()
	id, err := l.Park(p, wait(seconds))
	if err != nil {
		t.Fatalf("%s: %v", p.Endpoint, err)
	}
	l.Keep(id)
	l.Leave(id, wait(seconds).Session)
	return id
}

func names(l *pending.List) string {
	var out []string
	for _, d := range l.All() {
		out = append(out, string(d.Endpoint))
	}
	return strings.Join(out, " ")
}

// A device keeps its ID when it comes again, also after a restart; another name or another credential
// is another device.
func TestTheSameDeviceKeepsItsID(t *testing.T) {
	m := newMemory()
	l := open(t, m, pending.Limits{})
	first := away(t, l, certified("a", 1), 0)
	again := certified("a", 2)
	again.Names = []string{"a", "b"}
	if id := away(t, l, again, 1); id != first {
		t.Errorf("it comes again as %s, and was %s", id, first)
	}
	other := certified("a", 1)
	other.Identity = "b"
	if id := away(t, l, other, 2); id == first {
		t.Error("a device with another credential has the same ID")
	}
	if id := away(t, l, plain("a", 1), 3); id == first {
		t.Error("a device without a credential has the same ID")
	}
	d, _ := l.Get(first)
	if d.Count != 2 || d.Remote != "192.0.2.1:5683" || len(d.Names) != 2 || !d.First.Equal(noon) || !d.Last.Equal(noon.Add(time.Second)) {
		t.Errorf("it is %+v", d)
	}
	l.Close()
	l = open(t, m, pending.Limits{})
	if id := away(t, l, certified("a", 1), 100); id != first || len(l.All()) != 3 {
		t.Errorf("after a restart it comes as %s, and was %s; listed are %s", id, first, names(l))
	}
}

// The session that a device waits in is told until that one ends, and a newer one by then.
func TestWait(t *testing.T) {
	l := open(t, newMemory(), pending.Limits{})
	id, err := l.Park(certified("a", 1), wait(0))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Park(certified("a", 1), wait(1)); err != nil {
		t.Fatal(err)
	}
	l.Leave(id, "s0")
	if d, _ := l.Get(id); d.Wait == nil || d.Wait.Session != "s1" {
		t.Errorf("it waits in %+v", d.Wait)
	}
	l.Leave(id, "s1")
	if d, _ := l.Get(id); d.Wait != nil {
		t.Errorf("it waits in %+v", d.Wait)
	}
}

// Those that wait come first, then those that are away, then those that were rejected.
func TestOrder(t *testing.T) {
	l := open(t, newMemory(), pending.Limits{})
	rejected := away(t, l, certified("rejected", 1), 0)
	away(t, l, certified("away", 1), 1)
	if _, err := l.Park(certified("waiting", 1), wait(2)); err != nil {
		t.Fatal(err)
	}
	if _, first, err := l.Reject(t.Context(), rejected, noon); err != nil || !first {
		t.Fatal(err)
	}
	if got := names(l); got != "waiting away rejected" || l.Len() != 2 {
		t.Errorf("listed are %s; %d are not rejected", got, l.Len())
	}
}

// At a limit the one makes room that is away for longest. None makes room that waits, or that
// authenticated, for one that did not.
func TestShares(t *testing.T) {
	type comes struct {
		device store.PendingDevice
		waits  bool
		err    error
	}
	gone, here := false, true
	rate := new(pending.RateError)
	for name, tt := range map[string]struct {
		limits pending.Limits
		come   []comes
		want   string
	}{
		"in all": {pending.Limits{Devices: 2, Network: 2},
			[]comes{{certified("a", 1), gone, nil}, {certified("b", 2), gone, nil}, {certified("c", 3), gone, nil}}, "b c"},
		"those that wait stay": {pending.Limits{Devices: 2, Network: 2},
			[]comes{{certified("a", 1), here, nil}, {certified("b", 2), here, nil}, {certified("c", 3), gone, pending.ErrFull}}, "a b"},
		"one network": {pending.Limits{Devices: 4},
			[]comes{{certified("a", 1), here, nil}, {certified("b", 1), here, nil}, {certified("c", 1), gone, pending.ErrFull}, {certified("d", 2), here, nil}}, "a b d"},
		"one network, away": {pending.Limits{Devices: 4},
			[]comes{{certified("a", 1), gone, nil}, {certified("b", 1), gone, nil}, {certified("c", 1), gone, nil}, {certified("d", 2), gone, nil}}, "b c d"},
		"one group, from anywhere": {pending.Limits{Devices: 4},
			[]comes{{certified("a", 1), gone, nil}, {member("b", 2), gone, nil}, {member("c", 3), gone, nil}, {member("d", 4), gone, nil}}, "a c d"},
		"plain CoAP": {pending.Limits{Devices: 8, PlainNetwork: 2},
			[]comes{{certified("a", 1), gone, nil}, {plain("b", 2), gone, nil}, {plain("c", 3), gone, nil}, {plain("d", 4), gone, nil}}, "a c d"},
		"plain CoAP does not displace others": {pending.Limits{Devices: 2, Network: 2, Plain: 2, PlainNetwork: 2},
			[]comes{{certified("a", 1), gone, nil}, {certified("b", 2), gone, nil}, {plain("c", 3), gone, pending.ErrFull}}, "a b"},
		"plain CoAP makes room": {pending.Limits{Devices: 2, Network: 2, Plain: 2, PlainNetwork: 2},
			[]comes{{plain("a", 1), gone, nil}, {certified("b", 2), gone, nil}, {certified("c", 3), gone, nil}}, "b c"},
		"one certificate": {pending.Limits{Credential: 2},
			[]comes{{as("a", "x"), gone, nil}, {as("b", "x"), gone, nil}, {as("c", "x"), gone, nil}, {as("d", "y"), gone, nil}}, "b c d"},
		"rate of one network over plain CoAP": {pending.Limits{PlainRate: 8},
			[]comes{{plain("a", 1), gone, nil}, {plain("b", 1), gone, nil}, {plain("c", 1), gone, rate}, {plain("d", 2), gone, nil}}, "a b d"},
		"rate of all over plain CoAP": {pending.Limits{PlainRate: 2},
			[]comes{{plain("a", 1), gone, nil}, {plain("b", 2), gone, nil}, {plain("c", 3), gone, rate}, {certified("d", 4), gone, nil}}, "a b d"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := open(t, m, tt.limits)
			for i, c := range tt.come {
				id, err := l.Park(c.device, wait(i))
				if errors.As(c.err, &rate) && errors.As(err, &rate) {
					continue
				}
				if !errors.Is(err, c.err) {
					t.Fatalf("%s: error %v, want %v", c.device.Endpoint, err, c.err)
				}
				if l.Keep(id); !c.waits {
					l.Leave(id, wait(i).Session)
				}
			}
			if got := names(l); got != tt.want {
				t.Errorf("listed are %s, want %s", got, tt.want)
			}
			l.Close()
			if got := names(open(t, m, pending.Limits{})); got != tt.want {
				t.Errorf("stored are %s, want %s", got, tt.want)
			}
		})
	}
}

func member(name string, n int) store.PendingDevice {
	p := certified(name, n)
	p.Group = "lot"
	return p
}

func as(name, certificate string) store.PendingDevice {
	p := certified(name, 1)
	p.Identity, p.Names = certificate, []string{certificate}
	return p
}

// A rejected device makes room only where no other can.
func TestRejectedMakeRoomLast(t *testing.T) {
	l := open(t, newMemory(), pending.Limits{Devices: 2, Network: 2})
	if _, _, err := l.Reject(t.Context(), away(t, l, certified("a", 1), 0), noon); err != nil {
		t.Fatal(err)
	}
	away(t, l, certified("b", 2), 1)
	away(t, l, certified("c", 3), 2)
	if got := names(l); got != "c a" {
		t.Errorf("listed are %s", got)
	}
}

// A rejection that cannot be stored is none: it would be forgotten.
func TestRejectionIsStored(t *testing.T) {
	m := newMemory()
	l := open(t, m, pending.Limits{})
	id := away(t, l, certified("a", 1), 0)
	told := make(chan string, 10)
	l.OnDecision(func(id string) { told <- id })
	l.Close() // so that what was kept is stored
	m.fail(store.ErrFull)
	if _, _, err := l.Reject(t.Context(), id, noon); !errors.Is(err, store.ErrFull) {
		t.Errorf("error %v", err)
	}
	if d, _ := l.Get(id); !d.Rejected.IsZero() || len(told) != 0 {
		t.Errorf("it is %+v", d)
	}
	m.fail(nil)
	for _, want := range []bool{true, false} {
		if d, first, err := l.Reject(t.Context(), id, noon); err != nil || first != want || d.Rejected.IsZero() {
			t.Errorf("it is %+v, first %t, error %v", d, first, err)
		}
	}
	if len(told) != 1 || <-told != id {
		t.Error("it is not told once of the rejection")
	}
	if _, _, err := l.Reject(t.Context(), "22222222", noon); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no device: %v", err)
	}
}

// Of those who approve a device at once one takes it off the list.
func TestRemovedOnce(t *testing.T) {
	m := newMemory()
	l := open(t, m, pending.Limits{})
	id := away(t, l, certified("a", 1), 0)
	results := make(chan error, 8)
	for range 8 {
		go func() { results <- l.Remove(t.Context(), id) }()
	}
	won := 0
	for range 8 {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, store.ErrNotFound):
			t.Error(err)
		}
	}
	if won != 1 || len(l.All()) != 0 {
		t.Errorf("%d have removed it; listed are %s", won, names(l))
	}
	l.Close()
	if len(m.devices) != 0 {
		t.Errorf("stored are %v", m.devices)
	}
}

// A device that comes again and again is written once a minute.
func TestWritesAreFew(t *testing.T) {
	m := newMemory()
	l := open(t, m, pending.Limits{})
	for i := range 90 {
		away(t, l, certified("a", 1), i)
		l.Close() // the write, if any
	}
	if m.writes != 2 {
		t.Errorf("%d writes", m.writes)
	}
}

// Where the store cannot be read the list begins empty and says so.
func TestUnreadableStore(t *testing.T) {
	m := newMemory()
	m.err = store.ErrCorrupt
	l, err := pending.Open(t.Context(), m, slog.New(slog.DiscardHandler), pending.Limits{})
	if !errors.Is(err, store.ErrCorrupt) || l == nil || len(l.All()) != 0 {
		t.Errorf("error %v", err)
	}
}

// New limits hold for the next device; those on the list stay, and are replaced one by one.
func TestSetLimits(t *testing.T) {
	l := open(t, newMemory(), pending.Limits{Devices: 3, Network: 3})
	for i, name := range []string{"a", "b", "c"} {
		away(t, l, certified(name, i+1), i)
	}
	l.SetLimits(pending.Limits{Devices: 2, Network: 2})
	away(t, l, certified("d", 4), 3)
	if got := names(l); got != "b c d" {
		t.Errorf("with a lower limit listed are %s", got)
	}
	l.SetLimits(pending.Limits{Devices: 4, Network: 4})
	away(t, l, certified("e", 5), 4)
	if got := names(l); got != "b c d e" {
		t.Errorf("with a higher limit listed are %s", got)
	}
}
