package metrics_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/metrics"
	"lwbs/store"
)

// A scraped is one metric of a scrape, read as Prometheus reads it.
type scraped struct {
	kind    string
	samples map[string]float64 // by name and labels
	order   []string
}

var (
	headLine   = regexp.MustCompile(`^# (HELP|TYPE) ([a-z_]+) (.+)$`)
	sampleLine = regexp.MustCompile(`^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (\S+)$`)
	suffix     = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// parse reads a scrape in the text format and fails where it is none.
//
// Spec: https://prometheus.io/docs/instrumenting/exposition_formats/
func parse(t *testing.T, text string) map[string]*scraped {
	t.Helper()
	out := make(map[string]*scraped)
	var name string
	if !strings.HasSuffix(text, "\n") {
		t.Error("the last line has no end")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for i, line := range lines {
		if m := headLine.FindStringSubmatch(line); m != nil {
			if m[1] == "HELP" {
				if out[m[2]] != nil {
					t.Errorf("%s is there twice", m[2])
				}
				name = m[2]
				out[name] = &scraped{samples: make(map[string]float64)}
			} else if m[2] != name || !strings.HasPrefix(lines[i-1], "# HELP ") {
				t.Errorf("the type of %s is not behind its help", m[2])
			} else {
				out[name].kind = m[3]
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%q is no line of the format", line)
		}
		of := m[1]
		if out[name].kind == "histogram" || out[name].kind == "summary" {
			of = suffix.ReplaceAllString(m[1], "")
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if _, twice := out[name].samples[m[1]+m[2]]; of != name || err != nil || twice {
			t.Fatalf("%q is no sample of %s, or there twice", line, name)
		}
		out[name].samples[m[1]+m[2]] = value
		out[name].order = append(out[name].order, m[1]+m[2])
	}
	return out
}

// Every metric has a kind, samples, and a name that tells its unit and whether it counts.
func TestNamesAreWellFormed(t *testing.T) {
	for name, m := range parse(t, scrape(t, eventful())) {
		if len(m.samples) == 0 || !slices.Contains([]string{"counter", "gauge", "histogram", "summary"}, m.kind) {
			t.Errorf("%s is a %q with %d samples", name, m.kind, len(m.samples))
		}
		if counts := strings.HasSuffix(name, "_total"); counts != (m.kind == "counter") {
			t.Errorf("%s is a %s", name, m.kind)
		}
		if regexp.MustCompile(`(milliseconds|minutes|kilobytes|_percentage|_(?:sum|count|bucket))$`).MatchString(name) {
			t.Errorf("%s does not have a base unit", name)
		}
	}
}

// The buckets of a histogram are cumulated, ascending, and end with all.
func TestHistograms(t *testing.T) {
	m := metrics.New()
	for _, took := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 6 * time.Millisecond, 3 * time.Second, time.Minute} {
		m.Handshake(took, true)
	}
	got := parse(t, scrape(t, m))["lwbs_handshake_duration_seconds"]
	const name = "lwbs_handshake_duration_seconds"
	want := []string{
		`_bucket{result="done",le="0.005"} 2`, `_bucket{result="done",le="0.02"} 3`, `_bucket{result="done",le="0.05"} 3`, `_bucket{result="done",le="0.1"} 3`,
		`_bucket{result="done",le="0.5"} 3`, `_bucket{result="done",le="1"} 3`, `_bucket{result="done",le="2"} 3`, `_bucket{result="done",le="5"} 4`,
		`_bucket{result="done",le="10"} 4`, `_bucket{result="done",le="+Inf"} 5`, `_sum{result="done"} 63.012`, `_count{result="done"} 5`,
	}
	if len(got.order) != len(want) {
		t.Fatalf("samples %q, want %d", got.order, len(want))
	}
	for i, sample := range got.order {
		if line := sample + " " + strconv.FormatFloat(got.samples[sample], 'g', -1, 64); line != name+want[i] {
			t.Errorf("%s, want %s%s", line, name, want[i])
		}
	}
}

// The runtime and the process are told of under the names that dashboards know.
func TestRuntimeAndProcess(t *testing.T) {
	runtime.GC()
	got := parse(t, scrape(t, metrics.New()))
	value := func(name string) float64 {
		if got[name] == nil {
			t.Errorf("there is no %s", name)
			return 0
		}
		return got[name].samples[name]
	}
	atLeast := map[string]float64{
		"go_goroutines": 1, "go_threads": 1, "go_memstats_heap_inuse_bytes": 1e5, "go_memstats_sys_bytes": 1e6, "go_memstats_mallocs_total": 100,
		"go_memstats_last_gc_time_seconds": float64(time.Now().Add(-time.Hour).Unix()), "go_gc_gogc_percent": 1, "go_sched_gomaxprocs_threads": 1,
	}
	if runtime.GOOS == "linux" {
		for name, least := range map[string]float64{
			"process_cpu_seconds_total": 1e-6, "process_open_fds": 3, "process_max_fds": 3, "process_resident_memory_bytes": 1e6,
			"process_virtual_memory_bytes": 1e6, "process_virtual_memory_max_bytes": 1e6, "process_start_time_seconds": float64(time.Now().Add(-24 * time.Hour).Unix()),
			"process_network_receive_bytes_total": 0, "process_network_transmit_bytes_total": 0,
		} {
			atLeast[name] = least
		}
		if started := value("process_start_time_seconds"); started > float64(time.Now().Unix()+1) {
			t.Errorf("the process begins at %v", started)
		}
	}
	for name, least := range atLeast {
		if v := value(name); v < least {
			t.Errorf("%s is %v", name, v)
		}
	}
	if got["go_info"].samples[`go_info{version="`+runtime.Version()+`"}`] != 1 || got["go_gc_duration_seconds"].samples["go_gc_duration_seconds_count"] < 1 {
		t.Errorf("go_info %v, go_gc_duration_seconds %v", got["go_info"].samples, got["go_gc_duration_seconds"].samples)
	}
}

// Label values are escaped: a cause may become anything one day.
func TestLabelValuesAreEscaped(t *testing.T) {
	m := metrics.New()
	m.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: store.Session{Cause: "a\"b\\c\nd"}})
	const want = `lwbs_sessions_total{cause="a\"b\\c\nd"}`
	if got := parse(t, scrape(t, m))["lwbs_sessions_total"]; got.samples[want] != 1 {
		t.Errorf("samples %v, want %s", got.samples, want)
	}
}

// A scrape is compressed for those who take it so.
func TestScrapeIsCompressed(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/metrics", nil)
	r.Header.Set("Accept-Encoding", "gzip, deflate")
	eventful().Handler().ServeHTTP(w, r)
	if h := w.Result().Header; h.Get("Content-Encoding") != "gzip" || h.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("header %v", h)
	}
	z, err := gzip.NewReader(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil || parse(t, string(text))["lwbs_sessions_total"] == nil {
		t.Errorf("read %d bytes, error %v", len(text), err)
	}
}

// More scrapes at a time than the limit are refused at once.
func TestTooManyScrapes(t *testing.T) {
	const limit = 4
	m := metrics.New()
	reading, release := make(chan bool), make(chan bool)
	m.Server(func() int { reading <- true; <-release; return 0 }, func() uint64 { return 0 })
	h := m.Handler()
	codes := make(chan int, limit)
	for range limit {
		go func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
			codes <- w.Code
		}()
		<-reading
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("one too many: code %d", w.Code)
	}
	close(release)
	for range limit {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("within the limit: code %d", code)
		}
	}
}
