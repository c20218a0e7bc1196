package fleet

import (
	"time"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// The range of latencies that are told apart; what takes longer counts as the longest.
const (
	shortest = int64(time.Microsecond)
	longest  = int64(24 * time.Hour)
)

// Significant digits of latencies: of the whole run, and of a slot of its course.
const (
	digits     = 3
	slotDigits = 2
)

// A Latency is how long devices took, from when they were due to their answer to Bootstrap-Finish.
type Latency struct {
	Mean time.Duration `json:"mean"` // nanoseconds, as all of them
	P50  time.Duration `json:"p50"`
	P90  time.Duration `json:"p90"`
	P99  time.Duration `json:"p99"`
	P999 time.Duration `json:"p999"`
	Max  time.Duration `json:"max"`
}

// latencies is a histogram of durations.
type latencies struct{ h *hdr.Histogram }

func newLatencies(digits int) latencies { return latencies{hdr.New(shortest, longest, digits)} }

func (l latencies) add(d time.Duration) {
	_ = l.h.RecordValue(min(max(int64(d), shortest), longest)) // within its range
}

func (l latencies) at(percentile float64) time.Duration {
	if l.h == nil || l.h.TotalCount() == 0 {
		return 0
	}
	return time.Duration(l.h.ValueAtPercentile(percentile))
}

func (l latencies) summary() Latency {
	if l.h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{Mean: time.Duration(l.h.Mean()), P50: l.at(50), P90: l.at(90), P99: l.at(99), P999: l.at(99.9), Max: time.Duration(l.h.Max())}
}

// maxSlots is how many slots a course has at most, so that its memory is bounded: then two become one.
const maxSlots = 240

// A course is what happens over time, in slots of equal length.
type course struct {
	width time.Duration
	slots []slot
}

// A slot is what happened in one.
type slot struct {
	due, done, failed int
	took              latencies // of those that are done; without histogram where none is
}

func newCourse() *course { return &course{width: time.Second} }

// at returns the slot of a time since the beginning.
func (c *course) at(since time.Duration) *slot {
	for since >= c.width*maxSlots {
		c.halve()
	}
	i := int(max(since, 0) / c.width)
	for len(c.slots) <= i {
		c.slots = append(c.slots, slot{})
	}
	return &c.slots[i]
}

// halve makes one slot of two.
func (c *course) halve() {
	half := make([]slot, 0, maxSlots)
	for i := 0; i < len(c.slots); i += 2 {
		s := c.slots[i]
		if i+1 < len(c.slots) {
			s.add(c.slots[i+1])
		}
		half = append(half, s)
	}
	c.slots, c.width = half, 2*c.width
}

func (s *slot) add(t slot) {
	s.due, s.done, s.failed = s.due+t.due, s.done+t.done, s.failed+t.failed
	switch {
	case t.took.h == nil:
	case s.took.h == nil:
		s.took = t.took
	default:
		s.took.h.Merge(t.took.h)
	}
}

func (s *slot) finished(took time.Duration) {
	s.done++
	if s.took.h == nil {
		s.took = newLatencies(slotDigits)
	}
	s.took.add(took)
}
