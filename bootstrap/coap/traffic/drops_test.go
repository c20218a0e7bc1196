package traffic

import (
	"regexp"
	"testing"
)

// Every reason has a name of its own, fit for a label.
func TestDropReasons(t *testing.T) {
	wellFormed := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	names := make(map[string]bool)
	var d Drops
	for r := range d {
		d[r] = 1 << r
	}
	var sum uint64
	for r, n := range d.All() {
		if names[r.String()] || !wellFormed.MatchString(r.String()) || r.String() == "unknown" {
			t.Errorf("reason %d is called %q", r, r)
		}
		names[r.String()] = true
		if n != 1<<r {
			t.Errorf("%d for %v, want %d", n, r, 1<<r)
		}
		sum += n
	}
	if len(names) != int(dropReasons)-1 || sum != d.Total() || names[NotDropped.String()] {
		t.Errorf("All ranges over %d reasons, total %d, Total %d", len(names), sum, d.Total())
	}
	if got := dropReasons.String(); got != "unknown" {
		t.Errorf("what is no reason is called %q", got)
	}
	for range d.All() {
		break // early
	}
}

// What was not dropped is not counted.
func TestDropsCount(t *testing.T) {
	var d DropMeter
	d.Add(NotDropped)
	d.Add(DropStray)
	if s := d.snapshot(); s.Total() != 1 || s[DropStray] != 1 {
		t.Errorf("counted %v", s)
	}
}
