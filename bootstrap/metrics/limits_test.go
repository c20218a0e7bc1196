package metrics_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap/metrics"
)

// One scrape is under way at a time, and each is answered within 10 s.
func TestScrapesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New()
		hang := make(chan struct{})
		var mu sync.Mutex
		underWay, most := 0, 0
		m.Server(func() int {
			mu.Lock()
			underWay++
			most = max(most, underWay)
			mu.Unlock()
			<-hang
			mu.Lock()
			defer mu.Unlock()
			underWay--
			return 1
		}, func() uint64 { return 0 })
		handler := m.Handler()
		began := time.Now()
		var scrapes sync.WaitGroup
		for range 3 {
			scrapes.Go(func() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
				if took := time.Since(began); w.Code != http.StatusServiceUnavailable || took != 10*time.Second {
					t.Errorf("answered %d after %v", w.Code, took)
				}
			})
		}
		scrapes.Wait()
		close(hang)
		synctest.Wait()
		mu.Lock()
		if most != 1 {
			t.Errorf("%d scrapes were under way at a time", most)
		}
		mu.Unlock()
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
		if w.Code != http.StatusOK {
			t.Errorf("later it is answered %d", w.Code)
		}
	})
}
