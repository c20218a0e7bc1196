package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/lwm2m"
	"lwbs/store"
)

// BenchmarkDevicesPage measures the first page, one in the middle and a search by the beginning of a name, of a
// database of LWBS_BENCH_DEVICES (20,000) devices.
func BenchmarkDevicesPage(b *testing.B) {
	n := 20_000
	if text := os.Getenv("LWBS_BENCH_DEVICES"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			b.Fatal(err)
		}
	}
	r := newRig(b)
	rows := func(yield func(admin.BatchRow) bool) {
		set := admin.DeviceSettings{Profile: new("p"), NoSec: new(true)}
		for i := range n {
			if !yield(admin.BatchRow{Row: i, Endpoint: lwm2m.EndpointName(fmt.Sprintf("urn:imei:%015d", i)), Settings: set}) {
				return
			}
		}
	}
	check(b, r.local.PutDevices(b.Context(), admin.BatchOptions{}, rows, func(res admin.BatchResult) error {
		if res.Error != "" {
			return fmt.Errorf("%s", res.Error)
		}
		return nil
	}))
	for name, path := range map[string]string{
		"first":  "/devices",
		"middle": "/devices?after=" + fmt.Sprintf("urn:imei:%015d", n/2),
		"search": "/devices?q=" + fmt.Sprintf("urn:imei:%013d", n/200),
		"state":  "/devices?state=never",
		"none":   "/devices?q=there-is-none",
		"fleet":  "/",
	} {
		b.Run(fmt.Sprintf("%s/devices=%d", name, n), func(b *testing.B) {
			for b.Loop() {
				if a := r.get(access.Viewer, path); a.status != http.StatusOK {
					b.Fatal(a.status)
				}
			}
		})
	}
}

// BenchmarkLivePages measures what 200 open pages cost while nothing happens, in percent of a processor, and what
// an event costs the server that has them.
func BenchmarkLivePages(b *testing.B) {
	const pages = 200
	r := newRig(b)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.pages.ServeHTTP(w, q.WithContext(access.With(q.Context(), as(access.Viewer))))
	}))
	defer site.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: pages}}
	defer client.CloseIdleConnections()
	for range pages {
		q, err := http.NewRequestWithContext(ctx, http.MethodGet, site.URL+"/events", nil)
		check(b, err)
		a, err := client.Do(q)
		check(b, err)
		defer a.Body.Close()
		go func() { // a page reads what it is sent
			buf := make([]byte, 4096)
			for {
				if _, err := a.Body.Read(buf); err != nil {
					return
				}
			}
		}()
	}
	b.Run("idle", func(b *testing.B) {
		for b.Loop() {
			began, spent := time.Now(), processorTime(b)
			<-time.After(20 * time.Second) // with a comment to each page
			b.ReportMetric(100*(processorTime(b)-spent).Seconds()/time.Since(began).Seconds(), "%cpu")
		}
	})
	b.Run("event", func(b *testing.B) {
		s := store.Session{ID: newID(time.Now()), Endpoint: "d", Started: time.Now(), Stage: store.StageWrite}
		for b.Loop() {
			r.local.Events.Observe(bootstrap.Event{Kind: bootstrap.EventOperation, Session: s})
		}
	})
}

// processorTime is what this process has spent.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
