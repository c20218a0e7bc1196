package metrics

import "github.com/prometheus/client_golang/prometheus"

// A Transport is what one listener counted since it was opened, and what it holds now.
type Transport struct {
	Received, Sent, Retransmitted uint64            // datagrams
	Dropped                       map[string]uint64 // datagrams, by reason
	Associations                  int               // now
	HalfOpen                      int               // handshakes under way now
}

// Transport adds the figures of one listener, under its name such as "coaps". Read is
// called at each scrape. Each name may be added once.
func (m *Metrics) Transport(name string, read func() Transport) {
	m.registry.MustRegister(transportCollector{name: name, read: read})
}

type transportCollector struct {
	name string
	read func() Transport
}

var (
	datagramsDesc = prometheus.NewDesc("lwbs_datagrams_total",
		"Datagrams of a listener, by direction (in, out).", []string{"listener", "direction"}, nil)
	retransmissionsDesc = prometheus.NewDesc("lwbs_retransmissions_total",
		"Confirmable messages that were sent again.", []string{"listener"}, nil)
	droppedDesc = prometheus.NewDesc("lwbs_datagrams_dropped_total",
		"Datagrams that were not processed, by reason.", []string{"listener", "reason"}, nil)
	associationsDesc = prometheus.NewDesc("lwbs_associations",
		"Associations with peers.", []string{"listener"}, nil)
	halfOpenDesc = prometheus.NewDesc("lwbs_handshakes_half_open",
		"DTLS handshakes under way.", []string{"listener"}, nil)
)

// Describe sends nothing: collectors of several listeners share their descriptions.
func (c transportCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the listener once.
func (c transportCollector) Collect(ch chan<- prometheus.Metric) {
	t := c.read()
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{c.name}, labels...)...)
	}
	gauge := func(d *prometheus.Desc, v int) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), c.name)
	}
	counter(datagramsDesc, t.Received, "in")
	counter(datagramsDesc, t.Sent, "out")
	counter(retransmissionsDesc, t.Retransmitted)
	for reason, n := range t.Dropped {
		counter(droppedDesc, n, reason)
	}
	gauge(associationsDesc, t.Associations)
	gauge(halfOpenDesc, t.HalfOpen)
}
