// Package metrics turns what happens to sessions, datagrams and records into
// Prometheus metrics.
//
// No label holds an endpoint name, an identity or an address: labels are from small
// closed sets, so that a peer cannot make new series.
package metrics

import (
	"cmp"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"lwbs/bootstrap"
	"lwbs/bootstrap/panics"
	"lwbs/store"
)

// Metrics collects the metrics of one server. Its methods may be called concurrently.
type Metrics struct {
	registry *prometheus.Registry
	panics   *panics.Guard

	sessions   *prometheus.CounterVec
	duration   *prometheus.HistogramVec
	enrolments *prometheus.CounterVec
	operations *prometheus.CounterVec
	resent     prometheus.Counter
	handshakes *prometheus.HistogramVec
	failed     *prometheus.CounterVec
	storeTook  *prometheus.HistogramVec
}

// Limits of scrapes: others wait, and one that takes longer, the wait included, is answered with
// 503. So a client that scrapes without end delays others by a few milliseconds each.
const (
	maxScrapes    = 1
	scrapeTimeout = 10 * time.Second
)

// Buckets in seconds. Sessions take milliseconds on a wire and minutes over a radio;
// handshakes one or two round trips, and as many flights lost as there may be; store
// operations microseconds when read and a disk's sync when written.
var (
	sessionBuckets = []float64{0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 240}
	shakeBuckets   = []float64{0.005, 0.02, 0.05, 0.1, 0.5, 1, 2, 5, 10}
	storeBuckets   = []float64{0.00001, 0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 2}
)

// New returns Metrics with a registry of their own, which also holds those of the Go
// runtime and the process.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		panics:   ownPanics(),
		sessions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lwbs_attempts_total",
			Help: "Attempts to bootstrap that ended, by cause: sessions, and what ended before a session began, such as handshakes that failed.",
		}, []string{"cause"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lwbs_session_duration_seconds",
			Help:    "From the Bootstrap-Request to the end of the session, by result (done or failed).",
			Buckets: sessionBuckets,
		}, []string{"result"}),
		enrolments: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lwbs_enrolments_total",
			Help: "Devices without a record whose names match an enrolment group, by result: enrolled, or why not (denied, disabled, ended, full, name, record, other).",
		}, []string{"result"}),
		operations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lwbs_operations_total",
			Help: "Bootstrap operations, by operation and the client's code (none where it did not answer).",
		}, []string{"op", "code"}),
		resent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lwbs_operation_retransmissions_total",
			Help: "Datagrams of bootstrap operations that were sent again.",
		}),
		handshakes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lwbs_handshake_duration_seconds",
			Help:    "DTLS handshakes from their start, which is after the cookie and the wait in the handshake queue, to their end, by result (done or failed).",
			Buckets: shakeBuckets,
		}, []string{"result"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lwbs_handshakes_failed_total",
			Help: "DTLS handshakes that did not complete, by why.",
		}, []string{"cause"}),
		storeTook: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "lwbs_store_duration_seconds",
			Help:    "Time of store operations, by operation and result (done, not-found, conflict, cancelled or failed).",
			Buckets: storeBuckets,
		}, []string{"op", "result"}),
	}
	m.enrolments.WithLabelValues(enrolledDevice)
	m.registry.MustRegister(m.sessions, m.duration, m.enrolments, m.operations, m.resent, m.handshakes, m.failed, m.storeTook,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	turn := make(chan struct{}, maxScrapes)
	gather := func() ([]*dto.MetricFamily, error) {
		turn <- struct{}{}
		defer func() { <-turn }()
		return m.registry.Gather()
	}
	return promhttp.HandlerFor(prometheus.GathererFunc(gather), promhttp.HandlerOpts{Timeout: scrapeTimeout})
}

// Observe counts an event of the Bootstrap-Server.
func (m *Metrics) Observe(e bootstrap.Event) {
	switch e.Kind {
	case bootstrap.EventOperation:
		m.operation(e.Session)
	case bootstrap.EventEnded:
		m.ended(e.Session)
	}
}

func (m *Metrics) operation(s store.Session) {
	if len(s.Operations) == 0 {
		return
	}
	op := s.Operations[len(s.Operations)-1]
	code := op.Code.Dotted()
	if code == "" {
		code = "none"
	}
	m.operations.WithLabelValues(string(op.Op), code).Inc()
	if op.Transmissions > 1 {
		m.resent.Add(float64(op.Transmissions - 1))
	}
}

func (m *Metrics) ended(s store.Session) {
	m.sessions.WithLabelValues(string(s.Cause)).Inc()
	if s.Group != "" {
		m.enrolments.WithLabelValues(enrolmentOf(s)).Inc()
	}
	if s.Stage == store.StageHandshake && !s.Cause.Unused() && s.Cause != store.CauseSuperseded {
		m.failed.WithLabelValues(string(s.Cause)).Inc()
	}
	if len(s.Operations) == 0 {
		return // refused, or lost, before anything was asked of the client
	}
	m.duration.WithLabelValues(endOf(s.Cause.Success())).Observe(s.Ended.Sub(s.Started).Seconds())
}

const enrolledDevice = "enrolled"

// enrolments are the results of enrolments, by the variant of the attempt.
var enrolments = map[store.Variant]string{
	store.VariantGroupDenied: "denied", store.VariantGroupDisabled: "disabled", store.VariantGroupEnded: "ended",
	store.VariantGroupFull: "full", store.VariantGroupName: "name", store.VariantGroupRecord: "record",
}

// enrolmentOf is the result of an attempt that a group enrolled, or whose name a group matches.
func enrolmentOf(s store.Session) string {
	if s.Enrolled {
		return enrolledDevice
	}
	return cmp.Or(enrolments[s.Variant], "other")
}

// Handshake counts a DTLS handshake that has ended.
func (m *Metrics) Handshake(took time.Duration, done bool) {
	m.handshakes.WithLabelValues(endOf(done)).Observe(took.Seconds())
}

func endOf(well bool) string {
	if well {
		return resultDone
	}
	return resultFailed
}

// Server adds what a Bootstrap-Server tells of itself: the number of running sessions,
// and of refused attempts that its history has no record of. Call it once.
func (m *Metrics) Server(active func() int, unrecorded func() uint64) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lwbs_sessions_active",
			Help: "Sessions that are running.",
		}, m.safely(func() float64 { return float64(active()) })),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lwbs_attempts_unrecorded_total",
			Help: "Refused attempts that have no record in the history, since a limit of it was reached.",
		}, m.safely(func() float64 { return float64(unrecorded()) })),
	)
}

// Pending adds how many sessions are parked, and how many unknown devices are on the list of pending
// devices and were not rejected. Call it once.
func (m *Metrics) Pending(parked, listed func() int) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lwbs_sessions_parked",
			Help: "Sessions of unknown devices that wait for approval.",
		}, m.safely(func() float64 { return float64(parked()) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lwbs_pending_devices",
			Help: "Unknown devices that are to be approved or rejected, those that are away included.",
		}, m.safely(func() float64 { return float64(listed()) })),
	)
}

// Unvalidated adds the number of Bootstrap-Requests whose address is not validated, which n
// tells. Call it once.
func (m *Metrics) Unvalidated(n func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lwbs_requests_unvalidated",
		Help: "Bootstrap-Requests over plain CoAP that wait for a first answer of their client.",
	}, m.safely(func() float64 { return float64(n()) })))
}

// Log adds how many records of the log were dropped. Call it once.
func (m *Metrics) Log(dropped func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "lwbs_log_records_dropped_total",
		Help: "Records of the log that were dropped, since whoever reads it was too slow, or gone.",
	}, m.safely(func() float64 { return float64(dropped()) })))
}

// Unreadable adds how many parts of the database cannot be read, which parts tells. Call it
// once.
func (m *Metrics) Unreadable(parts func() int) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lwbs_store_unreadable_parts",
		Help: "Parts of the database that were found damaged, or written by a newer lwbs: pages and records.",
	}, func() float64 { return float64(parts()) }))
}

// Writing adds for how long the write to the database that is under way has waited for the disk,
// which took tells. Call it once.
func (m *Metrics) Writing(took func() time.Duration) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lwbs_store_write_wait_seconds",
		Help: "For how long the write to the database that is under way has waited for the disk; 0 where none is.",
	}, func() float64 { return took().Seconds() }))
}

// Certificates adds when the first of the server's certificates expires, which first
// tells. Call it once.
func (m *Metrics) Certificates(first func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lwbs_certificate_expiry_timestamp_seconds",
		Help: "When the first of the certificates that the server shows and trusts expires.",
	}, m.safely(func() float64 { return float64(first().Unix()) })))
}
