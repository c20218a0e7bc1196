package fleet

import (
	"testing"
	"time"
)

// However long a run takes, its course has a bounded number of slots, and nothing in it is lost.
func TestCourseIsBounded(t *testing.T) {
	c := newCourse()
	const n = 100_000
	for i := range n {
		s := c.at(time.Duration(i) * 500 * time.Millisecond)
		s.due++
		s.finished(time.Duration(i) * time.Microsecond)
	}
	due, done, kept := 0, 0, int64(0)
	for _, s := range c.slots {
		due, done, kept = due+s.due, done+s.done, kept+s.took.h.TotalCount()
	}
	if len(c.slots) > maxSlots || c.width != 256*time.Second || due != n || done != n || kept != n {
		t.Errorf("%d slots of %v with %d, %d and %d of %d devices", len(c.slots), c.width, due, done, kept, n)
	}
}

func TestLatencySummary(t *testing.T) {
	l := newLatencies(digits)
	if got := l.summary(); got != (Latency{}) {
		t.Errorf("of none it is %+v", got)
	}
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Millisecond)
	}
	l.add(0)
	l.add(1 << 62)
	s := l.summary()
	for _, tt := range []struct{ got, want time.Duration }{{s.P50, 500 * time.Millisecond}, {s.P90, 901 * time.Millisecond}, {s.P99, 991 * time.Millisecond}, {s.P999, 1000 * time.Millisecond}, {s.Max, 24 * time.Hour}} {
		if (tt.got - tt.want).Abs() > tt.want/100 {
			t.Errorf("%v, want %v: %+v", tt.got, tt.want, s)
		}
	}
}
