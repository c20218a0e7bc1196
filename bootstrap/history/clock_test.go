package history

import (
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/clocktest"
	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// Failures are coalesced for as long as they should be, and its record ends after it began.
func TestCoalescingWhileTheClockIsSet(t *testing.T) {
	for _, jump := range clocktest.Jumps {
		all, now := newCoalescedFailures(), time.Now()
		all.open("dev", store.Session{ID: "1", Endpoint: "dev", Cause: store.CauseKeyDiffers, Started: now, Ended: now}, time.Hour)
		at := clocktest.Set(now.Add(time.Minute), jump)
		if !all.repeat("dev", store.Session{ID: "2", Endpoint: "dev", Cause: store.CauseKeyDiffers, Started: at, Ended: at.Add(time.Second)}) {
			t.Errorf("after a jump of %v the failure has another record", jump)
		}
		kept := all.due(clocktest.Set(now.Add(2*time.Minute), jump))
		if len(kept) != 1 {
			t.Fatalf("after a jump of %v %d records are to be kept", jump, len(kept))
		}
		if took := kept[0].Ended.Round(0).Sub(kept[0].Started.Round(0)); took != 61*time.Second {
			t.Errorf("after a jump of %v the record is about %v", jump, took)
		}
		if all.repeat("dev", store.Session{Endpoint: "dev", Cause: store.CauseKeyDiffers, Started: clocktest.Set(now.Add(2*time.Hour), jump)}) {
			t.Errorf("after a jump of %v failures are coalesced for ever", jump)
		}
	}
}

// A quota lets go after a minute, by the time that passed.
func TestQuotaWhileTheClockIsSet(t *testing.T) {
	for _, jump := range clocktest.Jumps {
		q, now := &outcome.Quota{Limit: 1}, time.Now()
		got := []bool{q.Take("", now), q.Take("", clocktest.Set(now.Add(time.Second), jump)), q.Take("", clocktest.Set(now.Add(61*time.Second), jump))}
		if want := []bool{true, false, true}; !slices.Equal(got, want) {
			t.Errorf("after a jump of %v: %v, want %v", jump, got, want)
		}
	}
}
