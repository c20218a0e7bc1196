package server_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"lwbs/bootstrap/admin/server"
	"lwbs/bootstrap/panics"

	"lwbs/bootstrap/outcome"
)

// A panic of a handler is answered with 500, or cuts off what has begun; the next request is
// served.
func TestPanicInHandler(t *testing.T) {
	guard := panics.New(slog.New(slog.DiscardHandler))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /first", func(http.ResponseWriter, *http.Request) { panic("first") })
	mux.HandleFunc("GET /begun", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"half":`)
		_ = http.NewResponseController(w).Flush()
		panic("begun")
	})
	mux.HandleFunc("GET /aborted", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("GET /fine", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
	server := httptest.NewServer(server.Contain(mux, guard))
	defer server.Close()
	for _, tt := range []struct {
		path   string
		status int
		body   string
		whole  bool
		count  uint64
	}{
		{"/first", 500, outcome.ErrPanicked.Error(), true, 1},
		{"/begun", 200, `[{"half":`, false, 2},
		{"/aborted", 500, "panicked", true, 2},
		{"/fine", 200, "fine", true, 2},
	} {
		resp, err := http.Get(server.URL + tt.path)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != tt.status || !strings.Contains(string(body), tt.body) || (err == nil) != tt.whole {
			t.Errorf("%s: status %d, %q, %v", tt.path, resp.StatusCode, body, err)
		}
		if n := guard.All()[panics.Administration]; n != tt.count {
			t.Errorf("%s: %d panics are counted, want %d", tt.path, n, tt.count)
		}
	}
}
