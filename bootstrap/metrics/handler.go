package metrics

import (
	"compress/gzip"
	"net/http"
	"strings"
	"time"
)

// Limits of scrapes: more at a time are answered with 503, as is one that takes longer.
const (
	maxScrapes    = 4
	scrapeTimeout = 10 * time.Second
)

// Handler serves the metrics in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	places := make(chan struct{}, maxScrapes)
	scrape := http.TimeoutHandler(http.HandlerFunc(m.scrape), scrapeTimeout, "the scrape took longer than "+scrapeTimeout.String()+"\n")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case places <- struct{}{}:
			defer func() { <-places }()
			scrape.ServeHTTP(w, r)
		default:
			http.Error(w, "too many scrapes at a time", http.StatusServiceUnavailable)
		}
	})
}

func (m *Metrics) scrape(w http.ResponseWriter, r *http.Request) {
	text := m.text()
	w.Header().Set("Content-Type", contentType)
	w.Header().Add("Vary", "Accept-Encoding")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Write(text)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	z.Write(text)
	z.Close()
}

// text is everything that is known now. A scrape that is under way keeps no other from
// counting.
func (m *Metrics) text() []byte {
	var w writer
	for _, one := range m.all() {
		one.write(&w)
	}
	return w.Bytes()
}
