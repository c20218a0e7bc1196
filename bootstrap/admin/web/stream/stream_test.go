package stream

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// A source is what a Stream watches.
type source struct {
	mu      sync.Mutex
	each    func(Event)
	watched chan struct{} // one value for each watch that began
}

func (s *source) watch(ctx context.Context, each func(Event)) error {
	s.mu.Lock()
	s.each = each
	s.mu.Unlock()
	s.watched <- struct{}{}
	<-ctx.Done()
	return nil
}

func (s *source) send(name, key, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.each(Event{name, key, []byte(data)})
}

func newStream(t *testing.T) (*Stream, *source, string) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	src := &source{watched: make(chan struct{}, 10)}
	s := New(src.watch)
	server := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		server.CloseClientConnections()
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s, src, server.URL
}

// A page is one that is open.
type page struct {
	lines *bufio.Scanner
	id    string // the last one
	close func()
}

func open(t *testing.T, url, last string) *page {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s, %v", a.Status, a.Header)
	}
	p := &page{lines: bufio.NewScanner(a.Body), close: func() { cancel(); a.Body.Close() }}
	t.Cleanup(p.close)
	p.next(t) // the number
	return p
}

// next returns the next lines up to an empty one.
func (p *page) next(t *testing.T) string {
	t.Helper()
	var text []string
	for p.lines.Scan() {
		line := p.lines.Text()
		if line == "" {
			return strings.Join(text, "|")
		}
		if id, is := strings.CutPrefix(line, "id: "); is {
			p.id = id
			continue
		}
		text = append(text, line)
	}
	t.Fatalf("the stream ended after %q: %v", text, p.lines.Err())
	return ""
}

// Each page is told what happens, and one that asks for a key only that.
func TestPagesOfAStream(t *testing.T) {
	_, src, url := newStream(t)
	all, one := open(t, url, ""), open(t, url+"?key=b", "")
	<-src.watched
	src.send("session", "a", `{"n":1}`)
	src.send("session", "b", `{"n":2}`)
	for _, want := range []string{`event: session|data: {"n":1}`, `event: session|data: {"n":2}`} {
		if got := all.next(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := one.next(t); got != `event: session|data: {"n":2}` {
		t.Errorf("got %q", got)
	}
}

// A page that comes back is told what it missed; what is not kept any more is told by its number.
func TestPageComesBackToAStream(t *testing.T) {
	_, src, url := newStream(t)
	first, other := open(t, url, ""), open(t, url, "")
	<-src.watched
	src.send("session", "", "1")
	first.next(t)
	first.close()
	src.send("session", "", "2")
	src.send("session", "", "3")
	again := open(t, url, first.id)
	for _, want := range []string{"event: session|data: 2", "event: session|data: 3"} {
		if got := again.next(t); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for i := range 3 * kept {
		src.send("session", "", fmt.Sprint(i))
	}
	late := open(t, url, first.id)
	if got := late.next(t); !strings.HasPrefix(got, "event: missed|data: ") {
		t.Errorf("got %q", got)
	}
	rest := 0
	for got := ""; got != fmt.Sprintf("event: session|data: %d", 3*kept-1); rest++ {
		got = late.next(t)
	}
	if rest > maxBatch {
		t.Errorf("%d events at once", rest)
	}
	other.close()
}

// A number of another server is no reason to stop.
func TestStreamWithNumbersOfElsewhere(t *testing.T) {
	for _, id := range []string{"18446744073709551615", "0", "-1", "x"} {
		t.Run(id, func(t *testing.T) {
			_, src, url := newStream(t)
			p := open(t, url, id)
			<-src.watched
			src.send("session", "", "1")
			for got := ""; got != "event: session|data: 1"; {
				got = p.next(t)
			}
		})
	}
}

// Too many pages are refused, and those that left make room.
func TestTooManyPagesOfAStream(t *testing.T) {
	s, _, url := newStream(t)
	s.mu.Lock()
	s.pages = MaxPages
	s.mu.Unlock()
	a, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("%s", a.Status)
	}
	s.mu.Lock()
	s.pages = 0
	s.mu.Unlock()
	open(t, url, "")
}

// One person who opens many pages leaves room for others.
func TestPagesOfOnePerson(t *testing.T) {
	s, _, _ := newStream(t)
	for i := range MaxPagesOfOne + 1 {
		if err := s.enter("ada"); (err == nil) != (i < MaxPagesOfOne) {
			t.Fatalf("page %d: %v", i, err)
		}
	}
	if err := s.enter("bob"); err != nil {
		t.Errorf("another person: %v", err)
	}
	for range MaxPagesOfOne {
		s.leave("ada")
	}
	s.leave("bob")
	if s.pages != 0 || len(s.of) != 0 {
		t.Errorf("%d pages are noted when all have left", s.pages)
	}
}

// A page that reads nothing keeps no one waiting who tells of events, and no other page.
func TestStuckPageOfAStream(t *testing.T) {
	s, src, url := newStream(t)
	stuck := newWriter()
	ctx, cancel := context.WithCancel(t.Context())
	var left sync.WaitGroup
	left.Go(func() { s.ServeHTTP(stuck, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)) })
	<-src.watched
	<-stuck.writing // and does not return
	other := open(t, url, "")
	for i := range 5000 {
		src.send("session", "", fmt.Sprint(i))
	}
	for got := ""; got != "event: session|data: 4999"; {
		got = other.next(t)
	}
	close(stuck.free)
	cancel()
	left.Wait()
}

// A stuckWriter blocks in its first Write.
type stuckWriter struct {
	*httptest.ResponseRecorder
	writing, free chan struct{}
	once          sync.Once
}

func newWriter() *stuckWriter {
	return &stuckWriter{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}), free: make(chan struct{})}
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	w.once.Do(func() { close(w.writing) })
	<-w.free
	return w.ResponseRecorder.Write(b)
}
