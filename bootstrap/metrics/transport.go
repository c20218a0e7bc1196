package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"lwbs/bootstrap/panics"
)

// A Transport is what one listener counted since it was opened, and what it holds now.
type Transport struct {
	Received, Sent, Retransmitted uint64            // datagrams
	Withheld                      uint64            // datagrams that were not sent, as they would amplify a request that may be forged
	Duplicates                    uint64            // datagrams that had come before
	Dropped                       map[string]uint64 // datagrams, by reason
	Associations                  int               // that are active now
	Hibernated                    int               // associations that hibernate now
	Crowded                       uint64            // active associations that made room for another of the same peer
	Woken, Evicted, Stale         uint64            // associations: woken; that made room for others; whose credential was not accepted any more
	Restored, Unkept              uint64            // associations: that came back after a restart; times that one could not be kept for that
	Unwritten                     int               // associations that are not on disk yet as they are now
	HalfOpen                      int               // handshakes under way now
}

// Transport adds the figures of one listener, under its transport (coap, coaps) and its
// name such as "coaps-1". Read is called at each scrape. Each name may be added once.
func (m *Metrics) Transport(transport, name string, read func() Transport) {
	m.registry.MustRegister(transportCollector{metrics: m, transport: transport, name: name, read: read})
}

type transportCollector struct {
	metrics         *Metrics
	transport, name string
	read            func() Transport
}

// listenerDesc describes a metric of each listener with these labels besides.
func listenerDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, append([]string{"transport", "listener"}, labels...), nil)
}

var (
	datagramsDesc       = listenerDesc("lwbs_datagrams_total", "Datagrams of a listener, by direction (in, out).", "direction")
	retransmissionsDesc = listenerDesc("lwbs_retransmissions_total", "Confirmable messages that were sent again.")
	withheldDesc        = listenerDesc("lwbs_datagrams_amplification_limited_total", "Datagrams that were not sent: the address of the peer is not validated, and more would amplify a forged request.")
	duplicatesDesc      = listenerDesc("lwbs_datagrams_duplicate_total", "Requests and responses that were received before.")
	droppedDesc         = listenerDesc("lwbs_datagrams_dropped_total", "Datagrams that were dropped, by reason.", "reason")
	associationsDesc    = listenerDesc("lwbs_associations", "Active associations with peers; those that hibernate are not counted.")
	hibernatedDesc      = listenerDesc("lwbs_associations_hibernated", "DTLS associations that are kept for devices that may come back on them.")
	wokenDesc           = listenerDesc("lwbs_associations_woken_total", "DTLS associations on which a device came back after they had hibernated.")
	evictedDesc         = listenerDesc("lwbs_associations_evicted_total", "Hibernated DTLS associations that were removed to make room for others.")
	crowdedDesc         = listenerDesc("lwbs_associations_displaced_total", "Active DTLS associations that were displaced by another of the same identity or certificate.")
	staleDesc           = listenerDesc("lwbs_associations_stale_total", "Hibernated DTLS associations on which a device came back whose credential is no longer accepted.")
	restoredDesc        = listenerDesc("lwbs_associations_restored_total", "DTLS associations from before the restart of the server.")
	unkeptDesc          = listenerDesc("lwbs_association_writes_failed_total", "Times that the state of a DTLS association could not be written to the database, for a restart.")
	unwrittenDesc       = listenerDesc("lwbs_association_writes_pending", "DTLS associations whose latest state is not in the database yet.")
	halfOpenDesc        = listenerDesc("lwbs_handshakes_half_open", "DTLS handshakes under way.")
)

// Describe sends nothing: collectors of several listeners share their descriptions.
func (c transportCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the listener once.
func (c transportCollector) Collect(ch chan<- prometheus.Metric) {
	defer c.metrics.panics.Contain(panics.Metrics)
	t := c.read()
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), append([]string{c.transport, c.name}, labels...)...)
	}
	gauge := func(d *prometheus.Desc, v int) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), c.transport, c.name)
	}
	counter(datagramsDesc, t.Received, "in")
	counter(datagramsDesc, t.Sent, "out")
	counter(retransmissionsDesc, t.Retransmitted)
	counter(withheldDesc, t.Withheld)
	counter(duplicatesDesc, t.Duplicates)
	for reason, n := range t.Dropped {
		counter(droppedDesc, n, reason)
	}
	counter(wokenDesc, t.Woken)
	counter(evictedDesc, t.Evicted)
	counter(crowdedDesc, t.Crowded)
	counter(staleDesc, t.Stale)
	counter(restoredDesc, t.Restored)
	counter(unkeptDesc, t.Unkept)
	gauge(unwrittenDesc, t.Unwritten)
	gauge(associationsDesc, t.Associations)
	gauge(hibernatedDesc, t.Hibernated)
	gauge(halfOpenDesc, t.HalfOpen)
}
