// Package metrics turns what happens to sessions, datagrams and records into
// Prometheus metrics.
//
// No label holds an endpoint name, an identity or an address: labels are from small
// closed sets, so that a stranger cannot grow the series.
package metrics

import (
	"slices"
	"sync"
	"time"

	"lwbs/bootstrap"
	"lwbs/store"
)

// Metrics collects. Its methods may be called concurrently.
type Metrics struct {
	sessions   *counter
	duration   *histogram
	operations *counter
	resent     *counter
	handshakes *histogram
	failed     *counter
	storeTook  *histogram

	mu        sync.Mutex
	readings  []metric  // guarded by mu
	listeners listeners // guarded by mu
}

// Buckets in seconds. Sessions take milliseconds on a wire and minutes over a radio;
// handshakes one or two round trips, and as many flights lost as there may be; store
// operations microseconds when read and a disk's sync when written.
var (
	sessionBuckets = []float64{0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 240}
	shakeBuckets   = []float64{0.005, 0.02, 0.05, 0.1, 0.5, 1, 2, 5, 10}
	storeBuckets   = []float64{0.00001, 0.0001, 0.001, 0.005, 0.02, 0.1, 0.5, 2}
)

// New returns Metrics, which also have those of the Go runtime and the process.
func New() *Metrics {
	return &Metrics{
		sessions: newCounter("lwbs_sessions_total",
			"Attempts to bootstrap that ended, by cause; those refused or lost before a session began included.", "cause"),
		duration: newHistogram("lwbs_session_duration_seconds",
			"From the Bootstrap-Request to the end of the session, by result (done or failed).", sessionBuckets, "result"),
		operations: newCounter("lwbs_operations_total",
			"Bootstrap operations, by operation and the client's code (none where it did not answer).", "code", "op"),
		resent: newCounter("lwbs_operation_retransmissions_total",
			"Datagrams of bootstrap operations that were sent again."),
		handshakes: newHistogram("lwbs_handshake_duration_seconds",
			"DTLS handshakes from the first ClientHello to their end, by result (done or failed).", shakeBuckets, "result"),
		failed: newCounter("lwbs_handshakes_failed_total",
			"DTLS handshakes that did not complete, by why.", "cause"),
		storeTook: newHistogram("lwbs_store_duration_seconds",
			"Time of store operations, by operation and result (done, not-found, conflict or failed).", storeBuckets, "op", "result"),
	}
}

// all are the metrics that there are now.
func (m *Metrics) all() []metric {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Concat(
		[]metric{m.sessions, m.duration, m.operations, m.resent, m.handshakes, m.failed, m.storeTook},
		m.readings, []metric{slices.Clone(m.listeners), runtimeMetrics{}, processMetrics{}})
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
	m.operations.add(1, code, string(op.Op))
	if op.Transmissions > 1 {
		m.resent.add(float64(op.Transmissions - 1))
	}
}

func (m *Metrics) ended(s store.Session) {
	m.sessions.add(1, string(s.Cause))
	if s.Stage == store.StageHandshake && s.Cause != store.CauseNoRequest {
		m.failed.add(1, string(s.Cause))
	}
	if len(s.Operations) == 0 {
		return // refused, or lost, before anything was asked of the client
	}
	m.duration.observe(s.Ended.Sub(s.Started).Seconds(), endOf(s.Cause.Success()))
}

// Handshake counts a DTLS handshake that has ended.
func (m *Metrics) Handshake(took time.Duration, done bool) {
	m.handshakes.observe(took.Seconds(), endOf(done))
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
	m.read("lwbs_sessions_active", gaugeKind, "Sessions that are running.", func() float64 { return float64(active()) })
	m.read("lwbs_attempts_unrecorded_total", counterKind, "Refused attempts that have no record in the history, since a limit of it was reached.",
		func() float64 { return float64(unrecorded()) })
}

// Certificates adds when the first of the server's certificates expires, which first
// tells. Call it once.
func (m *Metrics) Certificates(first func() time.Time) {
	m.read("lwbs_certificate_expiry_timestamp_seconds", gaugeKind, "When the first of the certificates that the server shows and trusts expires.",
		func() float64 { return float64(first().Unix()) })
}

// read adds a metric that is read at each scrape.
func (m *Metrics) read(name, kind, help string, read func() float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readings = append(m.readings, reading{name, kind, help, read})
}
