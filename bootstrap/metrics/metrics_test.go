package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"lwbs/bootstrap"
	"lwbs/bootstrap/metrics"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
	"lwbs/store/storetest"
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
	guard := panics.New(slog.New(slog.DiscardHandler))
	guard.Run(panics.Session, func() { panic("for the count") })
	m.Panics(guard)
	m.Log(func() uint64 { return 6 })
	m.Server(func() int { return 3 }, func() uint64 { return 4 })
	m.Unreadable(func() int { return 2 })
	m.Transport("coap", "coap-1", func() metrics.Transport {
		return metrics.Transport{Received: 1, Sent: 2}
	})
	m.Transport("coaps", "coaps-2", func() metrics.Transport {
		return metrics.Transport{Received: 5, Sent: 4, Retransmitted: 1, Dropped: map[string]uint64{"queue-full": 7}, Withheld: 8, Duplicates: 9, Associations: 2, HalfOpen: 1}
	})
	m.Handshake(40*time.Millisecond, true)
	m.Handshake(10*time.Second, false)
	_, _ = m.Store(oneDevice{}).Device(context.Background(), "dev-1")
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
	for _, cause := range []store.Cause{store.CauseKeyDiffers, store.CauseCertificateExpired, store.CauseNoRequest, store.CauseIdle} {
		m.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: store.Session{Stage: store.StageHandshake, Cause: cause}})
	}
	m.Unvalidated(func() int { return 6 })
	m.Pending(func() int { return 7 }, func() int { return 8 })
	m.Queues(func() int { return 9 }, func() []bootstrap.QueueState {
		return []bootstrap.QueueState{{Of: bootstrap.LimitOfLwM2MServer, Name: "dm", Rate: 50, Waiting: 9, Oldest: 2 * time.Second, Passed: 11}}
	})
	m.Outbox(metrics.Outbox{
		Counts: func() (queued, dead, lost int) { return 3, 2, 1 }, Oldest: func() time.Time { return time.Now().Add(-time.Hour) }, Away: func() int { return 1 },
		Results: []string{"delivered", "refused"}, Count: func(string) uint64 { return 4 },
	})
	m.Writing(func() time.Duration { return 1500 * time.Millisecond })
	m.Certificates(func() time.Time { return time.Unix(4102444800, 0) })
	return m
}

func TestScrape(t *testing.T) {
	got := scrape(t, eventful())
	for _, want := range []string{
		`lwbs_attempts_total{cause="finish-unknown"} 1`,
		`lwbs_attempts_total{cause="key-differs"} 1`,
		`lwbs_sessions_active 3`,
		`lwbs_sessions_parked 7`,
		`lwbs_sessions_held 9`,
		`lwbs_rate_queue_devices{name="dm",of="lwm2m-server"} 9`,
		`lwbs_rate_queue_oldest_seconds{name="dm",of="lwm2m-server"} 2`,
		`lwbs_rate_queue_passed_total{name="dm",of="lwm2m-server"} 11`,
		`lwbs_pending_devices 8`,
		`lwbs_requests_unvalidated 6`,
		`lwbs_attempts_unrecorded_total 4`,
		`lwbs_store_unreadable_parts 2`,
		`lwbs_store_write_wait_seconds 1.5`,
		`lwbs_panics_total{part="session"} 1`,
		`lwbs_log_records_dropped_total 6`,
		`lwbs_panics_total{part="metrics"} 0`,
		`lwbs_session_duration_seconds_count{result="failed"} 1`,
		`lwbs_session_duration_seconds_sum{result="failed"} 3`,
		`lwbs_operations_total{code="2.04",op="write"} 1`,
		`lwbs_operations_total{code="none",op="finish"} 1`,
		`lwbs_operation_retransmissions_total 6`,
		`lwbs_handshakes_failed_total{cause="key-differs"} 1`,
		`lwbs_handshakes_failed_total{cause="certificate-expired"} 1`,
		`lwbs_certificate_expiry_timestamp_seconds 4.1024448e+09`,
		`lwbs_handshake_duration_seconds_count{result="done"} 1`,
		`lwbs_handshake_duration_seconds_sum{result="failed"} 10`,
		`lwbs_datagrams_total{direction="in",listener="coaps-2",transport="coaps"} 5`,
		`lwbs_datagrams_total{direction="out",listener="coap-1",transport="coap"} 2`,
		`lwbs_datagrams_dropped_total{listener="coaps-2",reason="queue-full",transport="coaps"} 7`,
		`lwbs_datagrams_amplification_limited_total{listener="coaps-2",transport="coaps"} 8`,
		`lwbs_datagrams_duplicate_total{listener="coaps-2",transport="coaps"} 9`,
		`lwbs_associations{listener="coaps-2",transport="coaps"} 2`,
		`lwbs_handshakes_half_open{listener="coaps-2",transport="coaps"} 1`,
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

// oneDevice says of each operation on devices that there is none.
type oneDevice struct{ store.Store }

func (oneDevice) Device(context.Context, lwm2m.EndpointName) (store.Device, error) {
	return store.Device{Endpoint: "dev-1"}, store.ErrNotFound
}

func (oneDevice) Profile(ctx context.Context, _ string) (store.Profile, error) {
	return store.Profile{}, ctx.Err()
}

// composed has the records of those who administer the server beside the measured store, as lwbs serve has.
type composed struct {
	store.Store
	store.Access
	store.AuditLog
}

// TestStoreIsMeasuredAndUnchanged runs the suite of every backend on a measured one, and
// finds each operation among the metrics.
func TestStoreIsMeasuredAndUnchanged(t *testing.T) {
	m := metrics.New()
	d, err := m.Store(oneDevice{}).Device(t.Context(), "dev-1")
	if d.Endpoint != "dev-1" || err != store.ErrNotFound {
		t.Errorf("Device = %v, %v; the wrapper changed the answer", d.Endpoint, err)
	}
	keyring, err := seal.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, storetest.Backend{Open: func(t *testing.T) store.Store {
		db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), keyring, bolt.Options{
			SessionsPerDevice: storetest.SessionsPerDevice, Sessions: storetest.Sessions,
			UnprovedPerDevice: storetest.UnprovedPerDevice, UnprovedSessions: storetest.UnprovedSessions, UnknownSessions: storetest.UnknownSessions,
			Messages: storetest.Messages, EventsOfReceiver: storetest.EventsOfReceiver, DeadLetters: storetest.DeadLetters, AuditEntries: storetest.AuditEntries,
		})
		if err != nil {
			t.Fatal(err)
		}
		return composed{m.Store(db), db, db}
	}})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Store(oneDevice{}).Profile(gone, "p"); !errors.Is(err, context.Canceled) {
		t.Errorf("a look-up whose caller has gone: %v", err)
	}
	got := scrape(t, m)
	for method := range reflect.TypeFor[store.Store]().Methods() {
		if method.Name == "Close" || method.Name == "MessagesAppended" { // which asks nothing
			continue
		}
		if want := fmt.Sprintf("lwbs_store_duration_seconds_count{op=%q,result=\"done\"}", snake(strings.ReplaceAll(method.Name, "LwM2M", "Lwm2m"))); !strings.Contains(got, want) {
			t.Errorf("the scrape has no %s", want)
		}
	}
	for _, want := range []string{`{op="device",result="not-found"}`, `{op="put_device",result="conflict"}`, `{op="put_device",result="failed"}`, `{op="profile",result="cancelled"}`} {
		if !strings.Contains(got, "lwbs_store_duration_seconds_count"+want) {
			t.Errorf("the scrape has nothing of %s", want)
		}
	}
}

// snake is the name of a method as a label has it.
func snake(name string) string {
	var out strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// A value that panics is missing from the scrape, or no number; the others are there.
func TestPanicInScrape(t *testing.T) {
	m := metrics.New()
	guard := panics.New(slog.New(slog.DiscardHandler))
	m.Panics(guard)
	m.Server(func() int { panic("active") }, func() uint64 { return 4 })
	m.Unreadable(func() int { return 2 })
	m.Transport("coap", "coap-1", func() metrics.Transport { panic("transport") })
	m.Transport("coaps", "coaps-2", func() metrics.Transport { return metrics.Transport{Received: 5} })
	for i, counted := range []string{`lwbs_datagrams_total{`, `lwbs_panics_total{part="metrics"} `} {
		got := scrape(t, m)
		for _, want := range []string{"lwbs_sessions_active NaN", "lwbs_attempts_unrecorded_total 4", `listener="coaps-2",transport="coaps"} 5`, counted} {
			if !strings.Contains(got, want) {
				t.Errorf("scrape %d lacks %s:\n%s", i, want, got)
			}
		}
	}
	if n := guard.All()[panics.Metrics]; n != 4 {
		t.Errorf("%d panics are counted, want 4", n)
	}
}

func TestEnrolmentsAreCounted(t *testing.T) {
	m := metrics.New()
	for _, s := range []store.Session{
		{Group: "a", Enrolled: true}, {Group: "b", Enrolled: true}, {Group: "a"}, {},
		{Group: "a", Variant: store.VariantGroupFull}, {Group: "a", Variant: store.VariantGroupRecord},
	} {
		s.Stage, s.Cause = store.StageRequest, store.CauseDone
		m.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: s})
	}
	scraped := scrape(t, m)
	for _, want := range []string{`{result="enrolled"} 2`, `{result="other"} 1`, `{result="full"} 1`, `{result="record"} 1`} {
		if !strings.Contains(scraped, "lwbs_enrolments_total"+want+"\n") {
			t.Errorf("the scrape lacks %s", want)
		}
	}
}
