package admission

import (
	"testing"
	"time"
)

func TestTokenBucket(t *testing.T) {
	now := time.Now()
	b := newTokenBucket(Rate{PerSecond: 10, Burst: 3}, now)
	take := func(want int) {
		t.Helper()
		got := 0
		for b.take(now) {
			got++
		}
		if got != want {
			t.Fatalf("%d tokens, want %d", got, want)
		}
	}
	take(3)
	now = now.Add(250 * time.Millisecond)
	take(2)
	now = now.Add(50 * time.Millisecond) // with the half that was left
	take(1)
	b.refund()
	take(1)
	now = now.Add(time.Hour)
	take(3)
	now = now.Add(-time.Minute) // a clock that went back fills nothing
	take(0)
	for range 9 {
		b.refund()
	}
	take(3)
}
