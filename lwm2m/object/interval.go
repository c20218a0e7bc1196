package object

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An Interval is the numbers from Min to Max, both included.
type Interval struct{ Min, Max float64 }

// String is "1 to 5", or "7" for one number.
func (i Interval) String() string {
	if i.Min == i.Max {
		return decimal(i.Min)
	}
	return fmt.Sprintf("%s to %s", decimal(i.Min), decimal(i.Max))
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// bounds are the intervals that a number, or a length in bytes, is to be in; empty for
// any.
func (d ResourceDefinition) bounds() []Interval {
	if len(d.Allowed) > 0 || d.Min == 0 && d.Max == 0 {
		return d.Allowed
	}
	return []Interval{{float64(d.Min), float64(d.Max)}}
}

// Range is the bounds of a number, or of a length in bytes, such as "0 to 3, 99"; empty
// where there are none.
func (d ResourceDefinition) Range() string {
	var all []string
	for _, i := range d.bounds() {
		all = append(all, i.String())
	}
	return strings.Join(all, ", ")
}

// allows reports whether a number, or a length in bytes, is within the bounds.
func (d ResourceDefinition) allows(n float64) bool {
	bounds := d.bounds()
	within := func(i Interval) bool { return i.Min <= n && n <= i.Max }
	return len(bounds) == 0 || slices.ContainsFunc(bounds, within)
}
