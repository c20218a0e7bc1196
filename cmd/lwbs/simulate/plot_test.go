package simulate

import (
	"math"
	"slices"
	"strconv"
	"testing"
	"time"
)

// A curve has a gap where there is no value, and a value alone is a point; the axes are round.
func TestPlot(t *testing.T) {
	label := func(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
	texts := func(ticks []tick) (all []string) {
		for _, k := range ticks {
			all = append(all, k.Text)
		}
		return all
	}
	p := newPlot("x", time.Second, false, label, series{"a", "due", []float64{0, 10, 17, 5}})
	if got := texts(p.Ticks); !slices.Equal(got, []string{"0", "5", "10", "15", "20"}) || len(p.Lines[0].Parts) != 1 {
		t.Errorf("%q, %q", got, p.Lines)
	}
	if got := texts(p.Times); !slices.Equal(got, []string{"0s", "1s", "2s", "3s", "4s"}) {
		t.Errorf("%q", got)
	}
	nan := math.NaN()
	p = newPlot("x", 2*time.Second, true, label, series{"a", "p50", []float64{0.02, 3, nan, 40, nan, 0}})
	if got := texts(p.Ticks); !slices.Equal(got, []string{"0.01", "0.1", "1", "10", "100"}) || len(p.Lines[0].Parts) != 2 {
		t.Errorf("%q, %q", got, p.Lines)
	}
	for _, empty := range []plot{newPlot("x", time.Second, true, label), newPlot("x", time.Second, false, label, series{"a", "due", []float64{0, nan}})} {
		if len(empty.Ticks) == 0 || len(empty.Times) == 0 {
			t.Errorf("%+v", empty)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "-", 15 * time.Microsecond: "15 µs", 1234 * time.Microsecond: "1.23 ms", 12345 * time.Millisecond: "12.3 s", time.Hour: "3600 s"} {
		if got := short(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}
