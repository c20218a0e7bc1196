package glance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/store"
)

// A value that is there quickly is waited for; one that is not is shown as it was, and computed meanwhile.
func TestCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var n atomic.Int32
		took := time.Millisecond
		c := New(ctx, func(context.Context) (int, error) { time.Sleep(took); return int(n.Add(1)), nil })
		defer c.Wait()
		defer cancel()
		get := func() int { return c.Get(t.Context(), 50*time.Millisecond).Of }
		if v := c.Get(t.Context(), 50*time.Millisecond); v.Of != 1 || v.At.IsZero() {
			t.Fatalf("the first value is %+v", v)
		}
		time.Sleep(minAge / 2)
		if v := get(); v != 1 {
			t.Errorf("a value that is not old is computed anew: %d", v)
		}
		took = time.Second // from now on
		time.Sleep(time.Second)
		if v := get(); v != 1 {
			t.Errorf("a value that takes long is %d", v)
		}
		time.Sleep(2 * time.Second)
		if v := get(); v != 2 {
			t.Errorf("a value that was computed is not shown: %d", v)
		}
		time.Sleep(15 * time.Second)
		if v := get(); v != 2 || n.Load() != 2 {
			t.Errorf("what takes a second is computed again before 20 s: %d", n.Load())
		}
		time.Sleep(10 * time.Second)
		get()
		synctest.Wait()
		time.Sleep(2 * time.Second)
		if v := get(); v != 3 {
			t.Errorf("it is not computed after 20 s: %d", v)
		}
	})
}

// A computation that fails leaves the last value, with the error.
func TestCachedFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		wrong := errors.New("wrong")
		var fail error
		c := New(ctx, func(context.Context) (string, error) { return "x", fail })
		defer c.Wait()
		defer cancel()
		if v := c.Get(t.Context(), time.Second); v.Of != "x" || v.Err != nil {
			t.Fatalf("%+v", v)
		}
		fail = wrong
		time.Sleep(2 * minAge)
		if v := c.Get(t.Context(), time.Second); v.Of != "x" || !errors.Is(v.Err, wrong) {
			t.Errorf("%+v", v)
		}
	})
}

// After its context has ended nothing is computed.
func TestCachedAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := New(ctx, func(context.Context) (int, error) { return 1, nil })
	if v := c.Get(t.Context(), time.Minute); !v.At.IsZero() {
		t.Errorf("%+v", v)
	}
	c.Wait()
}

// A history is sessions, the newest first.
type historyOf []store.Session

func (h historyOf) Sessions(_ context.Context, q store.SessionQuery) ([]store.Session, error) {
	at := 0
	if q.Before != "" {
		at = slices.IndexFunc(h, func(s store.Session) bool { return s.ID == q.Before }) + 1
	}
	return h[at:min(len(h), at+q.Limit)], nil
}

func TestDay(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 30, 0, 0, time.UTC)
	at := func(ago time.Duration, cause store.Cause, known bool, proof store.Proof) store.Session {
		return store.Session{ID: fmt.Sprint(ago), Started: now.Add(-ago), Ended: now.Add(-ago), Cause: cause, Known: known, Proof: proof}
	}
	coalesced := at(30*time.Hour, store.CauseKeyDiffers, true, store.ProofNone)
	coalesced.Ended, coalesced.Attempts = now.Add(-time.Hour), 100
	d, err := DayOf(t.Context(), historyOf{
		at(time.Minute, store.CauseDone, true, store.ProofIdentity),
		at(2*time.Minute, store.CauseIdle, true, store.ProofIdentity),
		at(3*time.Minute, store.CauseRefused, true, store.ProofIdentity),
		at(time.Hour, store.CauseKeyDiffers, true, store.ProofNone),
		at(90*time.Minute, store.CauseEndpointUnknown, false, store.ProofIdentity),
		at(23*time.Hour, store.CausePackDelivered, true, store.ProofAddress),
		at(24*time.Hour, store.CauseDone, true, store.ProofIdentity),
		coalesced,
		at(49*time.Hour, store.CauseDone, true, store.ProofIdentity),
	}, now)
	if err != nil || len(d.Hours) != 24 || !d.Since.IsZero() || d.Records != 8 {
		t.Fatalf("%+v, %v", d, err)
	}
	// An hour ago is 11:30, as is the end of the coalesced failures, and 90 minutes ago 11:00.
	for i, want := range map[int]Hour{23: {Done: 1, Failed: 1}, 22: {Refused: 3}, 21: {}, 0: {Done: 1}, 5: {}} {
		got := d.Hours[i]
		got.Start = time.Time{}
		if got != want {
			t.Errorf("hour %d: %+v, want %+v", i, got, want)
		}
	}
}

// A day with very many attempts is told as far as it was looked at.
func TestDayOfManyAttempts(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 30, 0, 0, time.UTC)
	var all historyOf
	for i := range maxRecords + 5000 {
		s := now.Add(-time.Duration(i) * time.Second)
		all = append(all, store.Session{ID: fmt.Sprint(i), Started: s, Ended: s, Cause: store.CauseDone})
	}
	d, err := DayOf(t.Context(), all, now)
	if err != nil || d.Records != maxRecords || !d.Since.Equal(now.Add(-(maxRecords-1)*time.Second)) {
		t.Errorf("%d records since %v, %v", d.Records, d.Since, err)
	}
}
