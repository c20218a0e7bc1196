package metrics

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// A metric writes itself, with all its values of now.
type metric interface{ write(w *writer) }

// maxLabels is how many labels a metric has that counts by them.
const maxLabels = 2

// labelValues are those of one series, in the order of the metric's label names.
type labelValues [maxLabels]string

// named are the labels of one series.
func (v labelValues) named(names []string) (out []label) {
	for i, name := range names {
		out = append(out, label{name, v[i]})
	}
	return out
}

func (v labelValues) compare(u labelValues) int {
	return cmp.Or(cmp.Compare(v[0], u[0]), cmp.Compare(v[1], u[1]))
}

func valuesOf(labels []string) (v labelValues) {
	copy(v[:], labels)
	return v
}

// A counter counts, for each combination of label values; without labels in one series,
// which is there from the beginning. Its methods may be called concurrently.
type counter struct {
	name, help string
	labels     []string // names, sorted

	mu     sync.Mutex
	counts map[labelValues]float64 // guarded by mu
}

func newCounter(name, help string, labels ...string) *counter {
	c := &counter{name: name, help: help, labels: labels, counts: make(map[labelValues]float64)}
	if len(labels) == 0 {
		c.add(0)
	}
	return c
}

// add adds n to the series with these label values.
func (c *counter) add(n float64, labels ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[valuesOf(labels)] += n
}

func (c *counter) write(w *writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.counts) == 0 {
		return
	}
	w.family(c.name, counterKind, c.help)
	for _, values := range sorted(c.counts) {
		w.sample(c.name, c.counts[values], values.named(c.labels)...)
	}
}

// sorted are the label values that there are.
func sorted[T any](series map[labelValues]T) []labelValues {
	return slices.SortedFunc(maps.Keys(series), labelValues.compare)
}

// A histogram counts values by their size, for each combination of label values. Its
// methods may be called concurrently.
type histogram struct {
	name, help string
	labels     []string  // names, sorted, before "le"
	bounds     []float64 // upper ones of the buckets, ascending; beyond them is one more

	mu     sync.Mutex
	series map[labelValues]*distribution // guarded by mu
}

// A distribution is one series of a histogram.
type distribution struct {
	counts []uint64 // by bucket, not cumulated
	sum    float64
}

func newHistogram(name, help string, bounds []float64, labels ...string) *histogram {
	return &histogram{name: name, help: help, labels: labels, bounds: bounds, series: make(map[labelValues]*distribution)}
}

// observe counts one value.
func (h *histogram) observe(value float64, labels ...string) {
	bucket, _ := slices.BinarySearch(h.bounds, value)
	key := valuesOf(labels)
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.series[key]
	if d == nil {
		d = &distribution{counts: make([]uint64, len(h.bounds)+1)}
		h.series[key] = d
	}
	d.counts[bucket]++
	d.sum += value
}

func (h *histogram) write(w *writer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.series) == 0 {
		return
	}
	w.family(h.name, histogramKind, h.help)
	for _, values := range sorted(h.series) {
		d, named := h.series[values], values.named(h.labels)
		var total uint64
		for i, n := range d.counts {
			total += n
			bound := "+Inf"
			if i < len(h.bounds) {
				bound = number(h.bounds[i])
			}
			w.sample(h.name+"_bucket", float64(total), append(slices.Clip(named), label{"le", bound})...)
		}
		w.sample(h.name+"_sum", d.sum, named...)
		w.sample(h.name+"_count", float64(total), named...)
	}
}

// A reading is a metric that is read when it is asked for.
type reading struct {
	name, kind, help string
	read             func() float64
}

func (r reading) write(w *writer) { w.single(r.name, r.kind, r.help, r.read()) }
