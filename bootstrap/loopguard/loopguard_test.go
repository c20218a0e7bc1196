package loopguard

import (
	"slices"
	"testing"
	"time"

	"lwbs/bootstrap/clocktest"
)

// The loop guard counts by the time that passed, not by the clock.
func TestLoopGuardWhileTheClockIsSet(t *testing.T) {
	for _, jump := range clocktest.Jumps {
		g, now := New(2, time.Minute), time.Now()
		got := []bool{
			g.Start("dev", now), g.Start("dev", now.Add(time.Second)),
			g.Start("dev", clocktest.Set(now.Add(2*time.Second), jump)),
			g.Start("dev", clocktest.Set(now.Add(2*time.Minute), jump)),
		}
		if want := []bool{true, true, false, true}; !slices.Equal(got, want) {
			t.Errorf("after a jump of %v: %v, want %v", jump, got, want)
		}
	}
}
