package bootstrap

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A diary is a store that keeps sessions by ID, and nothing else.
type diary struct {
	store.Store

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
	identity string             // of a stranger
	remote   string
	cause    store.Cause
}

// Attempts that fail in the same way are one record, which says how many they were.
func TestHistoryOfRefusals(t *testing.T) {
	const differs, unknown, noName = store.CauseKeyDiffers, store.CauseIdentityUnknown, store.CauseHandshakeFailed
	tests := []struct {
		name     string
		attempts []attempt
		kept     []string // "ID who cause xATTEMPTS"; the ID is the second
	}{
		{"one", []attempt{{1, "a", "", "", differs}}, []string{"001 a key-differs x1"}},
		{"the same again", []attempt{{1, "a", "", "", differs}, {20, "a", "", "", differs}, {50, "a", "", "", differs}}, []string{"001 a key-differs x3"}},
		{"another cause", []attempt{{1, "a", "", "", differs}, {2, "a", "", "", store.CauseDisabled}, {3, "a", "", "", differs}},
			[]string{"001 a key-differs x2", "002 a disabled x1"}},
		{"another device", []attempt{{1, "a", "", "", differs}, {2, "b", "", "", differs}}, []string{"001 a key-differs x1", "002 b key-differs x1"}},
		{"long after", []attempt{{1, "a", "", "", differs}, {599, "a", "", "", differs}, {601, "a", "", "", differs}, {602, "a", "", "", differs}},
			[]string{"001 a key-differs x2", "601 a key-differs x2"}},
		{"strangers by their identity", []attempt{{1, "", "x", "", unknown}, {2, "", "y", "", unknown}, {3, "", "x", "", unknown}},
			[]string{"001 x identity-unknown x2", "002 y identity-unknown x1"}},
		{"strangers without a name, by their address", []attempt{{1, "", "", "192.0.2.1:7", noName}, {2, "", "", "192.0.2.2:7", noName}, {3, "", "", "192.0.2.1:8", noName}},
			[]string{"001  handshake-failed x2", "002  handshake-failed x1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDiary()
				h := newHistory(historyConfig(d, nil))
				start := time.Now()
				for _, a := range tt.attempts {
					time.Sleep(time.Until(start.Add(time.Duration(a.second) * time.Second)))
					h.refused(a.record())
				}
				h.close()
				if got := d.lines(); !slices.Equal(got, tt.kept) {
					t.Errorf("kept\n%q, want\n%q", got, tt.kept)
				}
			})
		})
	}
}

func (a attempt) record() store.Session {
	return store.Session{
		ID: fmt.Sprintf("%03d", a.second), Endpoint: a.endpoint, Known: a.endpoint != "", Identity: a.identity, Remote: a.remote,
		Cause: a.cause, Started: time.Now(), Ended: time.Now(),
	}
}

func historyConfig(s store.Store, log *slog.Logger) Config {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return Config{Store: s, Logger: log, RepeatWindow: 10 * time.Minute, StrangerRecords: 60}
}

// A session of the device ends what its refusals were counted under: what comes after it
// is news.
func TestHistoryAfterASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		h := newHistory(historyConfig(d, nil))
		for second := range 3 {
			h.refused(attempt{second, "a", "", "", store.CauseKeyDiffers}.record())
		}
		h.began(store.Session{ID: "003", Endpoint: "a"})
		h.ended(store.Session{ID: "003", Endpoint: "a", Cause: store.CauseDone})
		h.refused(attempt{4, "a", "", "", store.CauseKeyDiffers}.record())
		h.close()
		want := []string{"000 a key-differs x3", "003 a done x1", "004 a key-differs x1"}
		if got := d.lines(); !slices.Equal(got, want) {
			t.Errorf("kept\n%q, want\n%q", got, want)
		}
	})
}

// Strangers cannot fill the history: a few records a minute are theirs, and devices are
// recorded all the same. What is left out is counted in the log.
func TestHistoryOfManyStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		d := newDiary()
		h := newHistory(historyConfig(d, slog.New(slog.NewTextHandler(&log, nil))))
		kept := 0
		for i := range 500 {
			a := attempt{i, "", fmt.Sprint("stranger-", i), "", store.CauseIdentityUnknown}
			if h.refused(a.record()) {
				kept++
			}
		}
		if kept != 60 {
			t.Errorf("%d strangers are recorded within a minute, want 60", kept)
		}
		if !h.refused(attempt{500, "a", "", "", store.CauseDisabled}.record()) {
			t.Error("a device is not recorded beside them")
		}
		time.Sleep(2 * time.Minute)
		if !h.refused(attempt{501, "", "late", "", store.CauseIdentityUnknown}.record()) {
			t.Error("a stranger is not recorded two minutes later")
		}
		h.close()
		if len(d.kept) != 62 {
			t.Errorf("%d records are kept, want 62", len(d.kept))
		}
		if !strings.Contains(log.String(), "count=440") {
			t.Errorf("the log does not tell of the 440 that were left out: %s", log.String())
		}
		if n := h.unrecorded(); n != 440 {
			t.Errorf("%d are counted as left out, want 440", n)
		}
	})
}

// The streaks that are open are bounded; one that had to give way is kept with its count.
func TestStreaksAreBounded(t *testing.T) {
	all := newStreaks()
	now := time.Now()
	session := func(i int) store.Session {
		return store.Session{ID: fmt.Sprint(i), Identity: fmt.Sprint(i), Cause: store.CauseIdentityUnknown, Started: now}
	}
	all.open(session(0), time.Minute)
	all.repeat(session(0))
	var grown []store.Session
	for i := range 2 * maxStreaks {
		grown = append(grown, all.open(session(1+i), time.Minute)...)
	}
	if len(all.order) > maxStreaks || len(all.bySubject) > maxStreaks {
		t.Errorf("%d streaks of %d subjects are open", len(all.order), len(all.bySubject))
	}
	if len(grown) != 1 || grown[0].ID != "0" || grown[0].Attempts != 2 {
		t.Errorf("given way with more than was kept: %+v, want that of 0 with 2 attempts", grown)
	}
}
