package metrics

import (
	"log/slog"
	"math"

	"lwbs/bootstrap/panics"

	"github.com/prometheus/client_golang/prometheus"
)

// Panics adds the panics that were contained so far, by part, and lets p contain those of the
// functions that are called at each scrape. Call it once, before the first scrape.
func (m *Metrics) Panics(p *panics.Guard) {
	m.panics = p
	m.registry.MustRegister(panicCollector{p})
}

// safely is what f returns; NaN where it panics.
func (m *Metrics) safely(f func() float64) func() float64 {
	return func() (v float64) {
		defer m.panics.Contain(panics.Metrics, func() { v = math.NaN() })
		return f()
	}
}

// ownPanics contain what panics before Panics was called.
func ownPanics() *panics.Guard { return panics.New(slog.New(slog.DiscardHandler)) }

type panicCollector struct{ panics *panics.Guard }

var panicsDesc = prometheus.NewDesc("lwbs_panics_total",
	"Panics that were contained, by the part of the server: each is a fault of lwbs, and the log has the stack.", []string{"part"}, nil)

// Describe implements [prometheus.Collector].
func (c panicCollector) Describe(ch chan<- *prometheus.Desc) { ch <- panicsDesc }

// Collect implements [prometheus.Collector]. There is a series for each part from the start, so
// that the first panic is an increase.
func (c panicCollector) Collect(ch chan<- prometheus.Metric) {
	all := c.panics.All()
	for _, part := range panics.Parts() {
		ch <- prometheus.MustNewConstMetric(panicsDesc, prometheus.CounterValue, float64(all[part]), string(part))
	}
}
