package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/store"
)

// A reader is what a reader of events has got so far.
type reader struct {
	*httptest.ResponseRecorder
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (p *reader) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

// got is what came since the last call.
func (p *reader) got() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.text.Reset()
	return p.text.String()
}

// read begins to read events as a principal; stop ends it.
func read(t *testing.T, s *Server, who, last string) (p *reader, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(access.With(t.Context(), access.Principal{Name: who, Role: access.Viewer, Way: access.WayToken}))
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/events", nil)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	p = &reader{ResponseRecorder: httptest.NewRecorder()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ServeHTTP(p, r)
	}()
	synctest.Wait()
	return p, func() {
		cancel()
		<-done
	}
}

// A reader is sent an ID at once, a comment every 15 s, what it missed when it comes back, and is told what is gone.
func TestEventsAreReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(admin.Hub)
		s := New(&admin.Local{Events: hub}, slog.New(slog.DiscardHandler), nil)
		observe := func(id string) {
			hub.Observe(bootstrap.Event{Kind: bootstrap.EventEnded, Session: store.Session{ID: id, Cause: store.CauseDone}})
			synctest.Wait()
		}
		first, stop := read(t, s, "ci", "")
		id, rest := cutID(first.got())
		if id == "" || rest != "" {
			t.Fatalf("at the beginning: %q", rest)
		}
		time.Sleep(31 * time.Second)
		if got := first.got(); got != ":\n\n:\n\n" {
			t.Errorf("in 31 s: %q", got)
		}
		observe("s1")
		id, rest = cutID(first.got())
		if !strings.HasPrefix(rest, "event: session-ended\ndata: {\"kind\":\"session-ended\",\"session\":{\"id\":\"s1\"") {
			t.Errorf("%q", rest)
		}
		stop()
		observe("s2")
		observe("s3")
		again, stop := read(t, s, "ci", id)
		if got := again.got(); strings.Count(got, "event: ") != 2 || !strings.Contains(got, `"id":"s2"`) || !strings.Contains(got, `"id":"s3"`) {
			t.Errorf("who comes back gets %q", got)
		}
		stop()
		for _, other := range []string{"17", "x", "-1", "18446744073709551615", strings.Repeat("9", 4000)} {
			p, stop := read(t, s, "ci", other)
			if got := p.got(); !strings.Contains(got, "event: missed\ndata: {\"kind\":\"missed\"}\n") || !strings.Contains(got, `"id":"s3"`) {
				t.Errorf("%.30s: who comes from elsewhere gets %q", other, got)
			}
			stop()
		}
		for range 2000 {
			observe("s")
		}
		late, stop := read(t, s, "ci", id)
		if got := late.got(); !strings.Contains(got, "event: missed\ndata: {\"kind\":\"missed\",\"missed\":978}\n") || strings.Contains(got, `"id":"s2"`) {
			t.Errorf("who was away for long gets %.300q", got)
		}
		stop()
	})
}

// cutID takes the ID at the end of the beginning of text off.
func cutID(text string) (id, rest string) {
	_, after, ok := strings.Cut(text, "id: ")
	if !ok {
		return "", text
	}
	id, rest, _ = strings.Cut(after, "\n")
	return id, strings.TrimPrefix(rest, "\n")
}

// Readers are limited, in all and for each user or token, and those that left make room.
func TestReadersOfEventsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(&admin.Local{Events: new(admin.Hub)}, slog.New(slog.DiscardHandler), nil)
		var stops []func()
		enter := func(who string) bool {
			p, stop := read(t, s, who, "")
			stops = append(stops, stop)
			if refused := strings.Contains(p.got(), "urn:lwbs:too-many-readers"); refused != (p.Code == http.StatusServiceUnavailable) || refused != (p.Header().Get("Retry-After") != "") {
				t.Fatalf("status %d, %v", p.Code, p.Header())
			}
			return p.Code == http.StatusOK
		}
		for i := range MaxReadersOfOne + 1 {
			if got := enter("ci"); got != (i < MaxReadersOfOne) {
				t.Fatalf("reader %d is let in: %v", i, got)
			}
		}
		n := MaxReadersOfOne
		for who := 'a'; n < MaxReaders; who++ {
			for range MaxReadersOfOne {
				if !enter(string(who)) {
					t.Fatalf("reader %d is refused", n)
				}
				n++
			}
		}
		if enter("zoe") {
			t.Error("there are more readers than the limit")
		}
		stops[0]()
		if !enter("zoe") {
			t.Error("a reader that left makes no room")
		}
		for _, stop := range stops[1:] {
			stop()
		}
		if s.readers.n != 0 || len(s.readers.of) != 0 {
			t.Errorf("%d readers are noted when all have left", s.readers.n)
		}
	})
}

// Where there are no events, the answer says so.
func TestEventsWithoutAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := read(t, New(&admin.Local{}, slog.New(slog.DiscardHandler), nil), "ci", "")
		defer stop()
		if got := p.got(); p.Code != http.StatusServiceUnavailable || !strings.Contains(got, "urn:lwbs:no-server") {
			t.Errorf("%d %s", p.Code, got)
		}
	})
}
