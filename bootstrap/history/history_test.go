package history

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/outcome"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A diary keeps sessions by ID.
type diary struct {
	mu   sync.Mutex
	kept map[string]store.Session // guarded by mu while the history is open
}

func newDiary() *diary { return &diary{kept: make(map[string]store.Session)} }

func (d *diary) AppendSession(_ context.Context, s store.Session) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.kept[s.ID] = s
	return nil
}

// lines are what is kept, one line a record.
func (d *diary) lines() (out []string) {
	for _, s := range d.kept {
		out = append(out, fmt.Sprintf("%s %s%s %s x%d", s.ID, s.Endpoint, s.Identity, s.Cause, max(1, s.Attempts)))
	}
	slices.Sort(out)
	return out
}

// An attempt is one that was refused, some seconds after the start.
type attempt struct {
	second   int
	endpoint lwm2m.EndpointName // of a device that is known
	identity string             // of an unknown device
	remote   string
	cause    store.Cause
	claimed  lwm2m.EndpointName
	proof    store.Proof // default: that it is the device, where that is known
}

// Attempts that fail in the same way are one record, which says how many they were.
func TestHistoryOfRefusals(t *testing.T) {
	const differs, unknown, noName = store.CauseKeyDiffers, store.CauseIdentityUnknown, store.CauseHandshakeFailed
	tests := []struct {
		name     string
		attempts []attempt
		kept     []string // "ID who cause xATTEMPTS"; the ID is the second
	}{
		{"one", []attempt{{1, "a", "", "", differs, "", ""}}, []string{"001 a key-differs x1"}},
		{"the same again", []attempt{{1, "a", "", "", differs, "", ""}, {20, "a", "", "", differs, "", ""}, {50, "a", "", "", differs, "", ""}}, []string{"001 a key-differs x3"}},
		{"another cause", []attempt{{1, "a", "", "", differs, "", ""}, {2, "a", "", "", store.CauseDisabled, "", ""}, {3, "a", "", "", differs, "", ""}},
			[]string{"001 a key-differs x2", "002 a disabled x1"}},
		{"another device", []attempt{{1, "a", "", "", differs, "", ""}, {2, "b", "", "", differs, "", ""}}, []string{"001 a key-differs x1", "002 b key-differs x1"}},
		{"long after", []attempt{{1, "a", "", "", differs, "", ""}, {599, "a", "", "", differs, "", ""}, {601, "a", "", "", differs, "", ""}, {602, "a", "", "", differs, "", ""}},
			[]string{"001 a key-differs x2", "601 a key-differs x2"}},
		{"what is proved, and what is not", []attempt{{1, "a", "", "", differs, "", store.ProofNone}, {2, "a", "", "", differs, "", store.ProofIdentity}, {3, "a", "", "", differs, "", store.ProofNone}},
			[]string{"001 a key-differs x2", "002 a key-differs x1"}},
		{"under other names", []attempt{{1, "a", "", "", differs, "b", ""}, {2, "a", "", "", differs, "c", ""}, {3, "a", "", "", differs, "b", ""}},
			[]string{"001 a key-differs x2", "002 a key-differs x1"}},
		{"unknown devices by their identity", []attempt{{1, "", "x", "", unknown, "", ""}, {2, "", "y", "", unknown, "", ""}, {3, "", "x", "", unknown, "", ""}},
			[]string{"001 x identity-unknown x2", "002 y identity-unknown x1"}},
		{"unknown devices without a name, by their address", []attempt{{1, "", "", "192.0.2.1:7", noName, "", ""}, {2, "", "", "192.0.2.2:7", noName, "", ""}, {3, "", "", "192.0.2.1:8", noName, "", ""}},
			[]string{"001  handshake-failed x2", "002  handshake-failed x1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDiary()
				h := New(historyConfig(d, nil))
				start := time.Now()
				for _, a := range tt.attempts {
					time.Sleep(time.Until(start.Add(time.Duration(a.second) * time.Second)))
					h.Refused(a.record())
				}
				h.Close()
				if got := d.lines(); !slices.Equal(got, tt.kept) {
					t.Errorf("kept\n%q, want\n%q", got, tt.kept)
				}
			})
		})
	}
}

func (a attempt) record() store.Session {
	if a.proof == "" {
		a.proof = store.ProofNone
		if a.endpoint != "" {
			a.proof = store.ProofIdentity
		}
	}
	return store.Session{
		ID: fmt.Sprintf("%03d", a.second), Endpoint: a.endpoint, Known: a.endpoint != "", Identity: a.identity, Remote: a.remote,
		Cause: a.cause, Claimed: a.claimed, Proof: a.proof, Transport: store.TransportDTLS, Started: time.Now(), Ended: time.Now(),
	}
}

func historyConfig(s *diary, log *slog.Logger) Config {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return Config{Store: s, Logger: log, Contain: func(f func()) { f() }, RepeatWindow: 10 * time.Minute, UnknownDeviceRecords: 60, UnauthenticatedRecords: 60}
}

// A session of the device ends what its refusals were counted under: what comes after it
// is news.
func TestHistoryAfterASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		h := New(historyConfig(d, nil))
		for second := range 3 {
			h.Refused(attempt{second, "a", "", "", store.CauseKeyDiffers, "", ""}.record())
		}
		h.Began(store.Session{ID: "003", Endpoint: "a", Proof: store.ProofIdentity})
		h.Ended(store.Session{ID: "003", Endpoint: "a", Cause: store.CauseDone})
		h.Refused(attempt{4, "a", "", "", store.CauseKeyDiffers, "", ""}.record())
		h.Close()
		want := []string{"000 a key-differs x3", "003 a done x1", "004 a key-differs x1"}
		if got := d.lines(); !slices.Equal(got, want) {
			t.Errorf("kept\n%q, want\n%q", got, want)
		}
	})
}

// hosts are addresses of so many networks.
func hosts(networks int) (out []string) {
	for i := range networks {
		out = append(out, fmt.Sprintf("198.51.%d.7:5683", i))
	}
	return out
}

// Those who prove nothing cannot fill the history: a few records a minute are theirs, no
// network has more than half of them, and what a device proves is recorded all the same.
// The others have one record for each network, which counts them.
func TestHistoryOfFloods(t *testing.T) {
	tests := []struct {
		name  string
		spare store.Session // what is the same in all of them
		from  []string      // where they come from, in turn
		kept  int           // records of their own
	}{
		{"unknown identities from many networks", store.Session{Transport: store.TransportDTLS}, hosts(50), 60},
		{"unknown identities from one network", store.Session{Transport: store.TransportDTLS}, []string{"192.0.2.1:7", "192.0.2.2:7", "192.0.2.200:7"}, 30},
		{"unknown names over plain CoAP, with forged addresses", store.Session{Transport: store.TransportPlain}, hosts(50), 20},
		{"identities of devices", store.Session{Transport: store.TransportDTLS, Known: true}, hosts(50), 60},
		{"names of devices over plain CoAP, from one network", store.Session{Transport: store.TransportPlain, Known: true}, hosts(1), 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				d := newDiary()
				h := New(historyConfig(d, slog.New(slog.NewTextHandler(&log, nil))))
				attempt := func(i int, remote string) bool {
					s := tt.spare
					s.ID, s.Identity, s.Remote = fmt.Sprintf("%03d", i), fmt.Sprint("prefix-", i), remote
					s.Proof, s.Cause, s.Started = store.ProofNone, store.CauseIdentityUnknown, time.Now()
					if s.Known {
						s.Endpoint, s.Cause = lwm2m.EndpointName(s.Identity), store.CauseKeyDiffers
					}
					return h.Refused(s)
				}
				kept := 0
				for i := range 500 {
					if attempt(i, tt.from[i%len(tt.from)]) {
						kept++
					}
				}
				if kept != tt.kept {
					t.Errorf("%d have records of their own, want %d", kept, tt.kept)
				}
				if !h.Refused(store.Session{ID: "proved", Endpoint: "a", Known: true, Proof: store.ProofIdentity, Cause: store.CauseDisabled, Started: time.Now()}) {
					t.Error("what a device proved is not recorded beside them")
				}
				time.Sleep(2 * time.Minute)
				if !attempt(501, "203.0.113.9:7") {
					t.Error("one is not recorded two minutes later")
				}
				h.Close()
				if n := h.Unrecorded(); n != uint64(500-tt.kept) {
					t.Errorf("%d are counted as without a record of their own, want %d", n, 500-tt.kept)
				}
				together, networks := 0, 0
				for _, s := range d.kept {
					if s.Network != "" {
						networks++
						together += max(1, s.Attempts)
						if s.Endpoint != "" || s.Identity != "" || s.Known {
							t.Errorf("the record of a network names a device: %+v", s)
						}
					}
				}
				if want := min(len(networksOf(tt.from)), networkRecords); networks != want {
					t.Errorf("%d records of networks, want %d", networks, want)
				}
				if len(networksOf(tt.from)) <= networkRecords && together != 500-tt.kept {
					t.Errorf("the records of networks count %d, want %d", together, 500-tt.kept)
				}
				if !strings.Contains(log.String(), fmt.Sprint("count=", 500-tt.kept)) {
					t.Errorf("the log does not tell of them: %s", log.String())
				}
			})
		})
	}
}

func networksOf(remotes []string) map[netip.Prefix]bool {
	out := make(map[netip.Prefix]bool)
	for _, r := range remotes {
		out[outcome.NetworkOf(r)] = true
	}
	return out
}

// A device that comes from one network is recorded while another network floods.
func TestFloodOfOneNetwork(t *testing.T) {
	d := newDiary()
	h := New(historyConfig(d, nil))
	for i := range 500 {
		h.Refused(attempt{i, "", fmt.Sprint("x-", i), fmt.Sprintf("192.0.2.%d:7", i%256), store.CauseIdentityUnknown, "", ""}.record())
	}
	if !h.Refused(attempt{500, "", "id-A", "203.0.113.1:7", store.CauseIdentityUnknown, "", ""}.record()) {
		t.Error("an unknown identity from another network has no record")
	}
	h.Close()
}

// The addresses that attempts came from are counted, and not one record each.
func TestAttemptsFromManyAddresses(t *testing.T) {
	for n, want := range map[int]string{1: "(20 times since", 3: "from 3 addresses)", 20: "from more than 8 addresses)"} {
		d := newDiary()
		h := New(historyConfig(d, nil))
		for i := range 20 {
			h.Refused(attempt{i, "a", "", hosts(n)[i%n], store.CauseKeyDiffers, "", store.ProofNone}.record())
		}
		h.Close()
		if s := d.kept["000"]; len(d.kept) != 1 || s.Attempts != 20 || !strings.Contains(s.Detail, want) {
			t.Errorf("from %d addresses: %d records, detail %q, want %q", n, len(d.kept), s.Detail, want)
		}
	}
}

// A device that claims ever new names has a few records for them.
func TestManyNamesOfOneDevice(t *testing.T) {
	d := newDiary()
	h := New(historyConfig(d, nil))
	for i := range 200 {
		h.Refused(attempt{i, "a", "", "", store.CauseIdentityMismatch, lwm2m.EndpointName(fmt.Sprint("name-", i)), ""}.record())
	}
	h.Close()
	total := 0
	for _, s := range d.kept {
		total += max(1, s.Attempts)
	}
	if len(d.kept) != maxCoalescedOfOne || total != 200 {
		t.Errorf("%d records count %d attempts, want %d that count 200", len(d.kept), total, maxCoalescedOfOne)
	}
}

// The coalesced failures that are open are bounded; one that had to give way is kept with its count.
func TestCoalescedFailuresAreBounded(t *testing.T) {
	all := newCoalescedFailures()
	now := time.Now()
	session := func(i int) store.Session {
		return store.Session{ID: fmt.Sprint(i), Identity: fmt.Sprint(i), Cause: store.CauseIdentityUnknown, Started: now}
	}
	who := func(s store.Session) string { return subject(s) }
	all.open(who(session(0)), session(0), time.Minute)
	all.repeat(who(session(0)), session(0))
	var grown []store.Session
	for i := range 2 * maxCoalesced {
		grown = append(grown, all.open(who(session(1+i)), session(1+i), time.Minute)...)
	}
	if len(all.order) > maxCoalesced || len(all.bySubject) > maxCoalesced {
		t.Errorf("%d failures of %d subjects are open", len(all.order), len(all.bySubject))
	}
	if len(grown) != 1 || grown[0].ID != "0" || grown[0].Attempts != 2 {
		t.Errorf("given way with more than was kept: %+v, want that of 0 with 2 attempts", grown)
	}
}
