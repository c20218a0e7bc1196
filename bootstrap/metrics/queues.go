package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"lwbs/bootstrap"
)

// Queues adds how many sessions wait for their turn, and how the queues of profiles and LwM2M Servers with a rate stand.
// Their names are those that operators gave, so that no peer makes a series. Call it once.
func (m *Metrics) Queues(held func() int, queues func() []bootstrap.QueueState) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lwbs_sessions_held",
			Help: "Sessions whose devices wait for their turn, since their profile or LwM2M Server takes only so many a second.",
		}, m.safely(func() float64 { return float64(held()) })),
		queueCollector(queues),
	)
}

// A queueCollector has the states of queues.
type queueCollector func() []bootstrap.QueueState

var (
	queueDevices = prometheus.NewDesc("lwbs_rate_queue_devices", "Devices that wait for their turn, by what has the rate (profile or lwm2m-server) and its name.", []string{"of", "name"}, nil)
	queueOldest  = prometheus.NewDesc("lwbs_rate_queue_oldest_seconds", "For how long the first of them has waited; 0 where none waits.", []string{"of", "name"}, nil)
	queuePassed  = prometheus.NewDesc("lwbs_rate_queue_passed_total", "Devices that were let through to Bootstrap-Finish.", []string{"of", "name"}, nil)
)

// Describe implements [prometheus.Collector].
func (c queueCollector) Describe(to chan<- *prometheus.Desc) {
	to <- queueDevices
	to <- queueOldest
	to <- queuePassed
}

// Collect implements [prometheus.Collector].
func (c queueCollector) Collect(to chan<- prometheus.Metric) {
	for _, q := range c() {
		of := string(q.Of)
		to <- prometheus.MustNewConstMetric(queueDevices, prometheus.GaugeValue, float64(q.Waiting), of, q.Name)
		to <- prometheus.MustNewConstMetric(queueOldest, prometheus.GaugeValue, q.Oldest.Seconds(), of, q.Name)
		to <- prometheus.MustNewConstMetric(queuePassed, prometheus.CounterValue, float64(q.Passed), of, q.Name)
	}
}
