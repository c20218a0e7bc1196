package loopguard

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"lwbs/bootstrap/clocktest"
	"lwbs/lwm2m"
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

// 100,000 devices are remembered, and the older half is forgotten when there are more of them.
func TestDevicesAreForgotten(t *testing.T) {
	g, now := New(1, time.Minute), time.Now()
	name := func(i int) lwm2m.EndpointName { return lwm2m.EndpointName(strconv.Itoa(i)) }
	for i := range 200_000 {
		if !g.Start(name(i), now) {
			t.Fatalf("device %d may not start", i)
		}
	}
	for i, want := range map[int]bool{0: true, 99_999: true, 100_000: true, 199_999: true} {
		if g.Exceeded(name(i), now) != want {
			t.Errorf("device %d is remembered: %t", i, !want)
		}
	}
	g.Start(name(200_000), now)
	for i, want := range map[int]bool{0: false, 99_999: false, 100_000: true, 199_999: true, 200_000: true} {
		if g.Exceeded(name(i), now) != want {
			t.Errorf("after one more device %d is remembered: %t", i, !want)
		}
	}
}
