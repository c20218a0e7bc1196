package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Outbox is what there is to tell of the outbox. The functions are called at each scrape.
type Outbox struct {
	// Counts returns how many messages wait, how many dead letters there are, and how many messages were
	// lost ever, as there was no room.
	Counts func() (queued, dead, lost int)

	// Oldest is when the oldest message that waits was queued; zero for none.
	Oldest func() time.Time

	// Away is how many receivers could not be reached when they were tried last.
	Away func() int

	// Results are the names of how tries to deliver end, and Count how many have ended so.
	Results []string
	Count   func(result string) uint64
}

// Outbox adds the outbox. Call it once.
func (m *Metrics) Outbox(o Outbox) {
	gauge := func(name, help string, labels prometheus.Labels, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: labels}, m.safely(value))
	}
	const messages = "Messages of the outbox by state: queued, to be delivered, or dead, kept as dead letters."
	m.registry.MustRegister(
		gauge("lwbs_outbox_messages", messages, prometheus.Labels{"state": "queued"}, func() float64 { n, _, _ := o.Counts(); return float64(n) }),
		gauge("lwbs_outbox_messages", messages, prometheus.Labels{"state": "dead"}, func() float64 { _, n, _ := o.Counts(); return float64(n) }),
		gauge("lwbs_outbox_lost_messages", "Messages that there was no room for in the outbox: events, and the oldest dead letters.", nil, func() float64 { _, _, n := o.Counts(); return float64(n) }),
		gauge("lwbs_outbox_oldest_message_seconds", "For how long the oldest message of the outbox has waited to be delivered; 0 where none waits.", nil, func() float64 {
			at := o.Oldest()
			if at.IsZero() {
				return 0
			}
			return max(0, time.Since(at).Seconds())
		}),
		gauge("lwbs_outbox_receivers_away", "LwM2M Servers that could not be reached when they were to be told something last.", nil, func() float64 { return float64(o.Away()) }),
	)
	for _, result := range o.Results {
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lwbs_outbox_deliveries_total", ConstLabels: prometheus.Labels{"result": result},
			Help: "Tries to deliver a message of the outbox, by result: delivered, superseded, refused, unavailable; dead counts those that became dead letters.",
		}, m.safely(func() float64 { return float64(o.Count(result)) })))
	}
}
