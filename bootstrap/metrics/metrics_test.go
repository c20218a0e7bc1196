package metrics_test

import (
	"context"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"lwbs/bootstrap"
	"lwbs/bootstrap/metrics"
	"lwbs/lwm2m"
	"lwbs/store"
)

func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	b, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != 200 {
		t.Fatalf("scrape: code %d, error %v", w.Code, err)
	}
	return string(b)
}

// eventful returns Metrics that have seen one of everything.
func eventful() *metrics.Metrics {
	m := metrics.New()
	m.Active(func() int { return 3 })
	m.Transport("coap", func() metrics.Transport {
		return metrics.Transport{Received: 1, Sent: 2}
	})
	m.Transport("coaps", func() metrics.Transport {
		return metrics.Transport{Received: 5, Sent: 4, Retransmitted: 1, Dropped: map[string]uint64{"full": 7}, Associations: 2, HalfOpen: 1}
	})
	began := time.Now()
	s := store.Session{Started: began, Stage: store.StageWrite, Operations: []store.Operation{
		{Op: lwm2m.OpWrite, Code: lwm2m.CodeChanged, Transmissions: 3},
	}}
	m.Observe(bootstrap.Event{Kind: bootstrap.EventStarted, Session: s})
	m.Observe(bootstrap.Event{Kind: bootstrap.EventOperation, Session: s})
	s.Operations = append(s.Operations, store.Operation{Op: lwm2m.OpFinish, Error: "no answer", Transmissions: 5})
	m.Observe(bootstrap.Event{Kind: bootstrap.EventOperation, Session: s})
	s.Cause, s.Ended = store.CauseFinishUnknown, began.Add(3*time.Second)
	m.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: s})
	m.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: store.Session{Stage: store.StageHandshake, Cause: store.CauseKeyDiffers}})
	return m
}

func TestScrape(t *testing.T) {
	got := scrape(t, eventful())
	for _, want := range []string{
		`lwbs_sessions_total{cause="finish-unknown"} 1`,
		`lwbs_sessions_total{cause="key-differs"} 1`,
		`lwbs_sessions_active 3`,
		`lwbs_session_duration_seconds_count{result="failed"} 1`,
		`lwbs_session_duration_seconds_sum{result="failed"} 3`,
		`lwbs_operations_total{code="2.04",op="write"} 1`,
		`lwbs_operations_total{code="none",op="finish"} 1`,
		`lwbs_operation_retransmissions_total 6`,
		`lwbs_handshakes_failed_total{cause="key-differs"} 1`,
		`lwbs_datagrams_total{direction="in",listener="coaps"} 5`,
		`lwbs_datagrams_total{direction="out",listener="coap"} 2`,
		`lwbs_datagrams_dropped_total{listener="coaps",reason="full"} 7`,
		`lwbs_associations{listener="coaps"} 2`,
		`lwbs_handshakes_half_open{listener="coaps"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("the scrape has no line %s", want)
		}
	}
}

func TestNamesAreWellFormed(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scrape(t, eventful()))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

type oneDevice struct{ store.Store }

func (oneDevice) Device(context.Context, lwm2m.EndpointName) (store.Device, error) {
	return store.Device{Endpoint: "dev-1"}, store.ErrNotFound
}

func TestStoreIsMeasuredAndUnchanged(t *testing.T) {
	m := metrics.New()
	d, err := m.Store(oneDevice{}).Device(t.Context(), "dev-1")
	if d.Endpoint != "dev-1" || err != store.ErrNotFound {
		t.Errorf("Device = %v, %v; the wrapper changed the answer", d.Endpoint, err)
	}
	if want := `lwbs_store_duration_seconds_count{op="device"} 1`; !strings.Contains(scrape(t, m), want) {
		t.Errorf("the scrape has no %s", want)
	}
}
