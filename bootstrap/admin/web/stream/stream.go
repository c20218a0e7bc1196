// Package stream passes what happens on to many open pages, as server-sent events. Each event is rendered
// once. A page that comes back is told what it missed, as far as that is kept; one that is too slow loses
// events and is told how many. No page slows down another, or the server.
package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limits, and times.
const (
	// MaxPages is how many pages are served at a time; another is told to come later.
	MaxPages = 500

	kept       = 512                    // messages, for pages that come back
	maxBatch   = 64                     // messages in one write; of more, the oldest are left out
	pause      = 250 * time.Millisecond // between two writes to one page
	heartbeat  = 15 * time.Second       // between comments, which show that the connection lives
	writeTime  = 10 * time.Second       // for one write
	lingerTime = time.Minute            // for which events are kept when the last page has left
)

// An Event is one that is sent.
type Event struct {
	Name string // of the event
	Key  string // what it is about; a page may ask for one key only
	Data []byte // one line
}

// A Stream serves events. Make one with [New].
type Stream struct {
	// watch calls each with what happens until ctx ends.
	watch func(ctx context.Context, each func(Event)) error

	mu      sync.Mutex
	pages   int
	first   uint64 // the number of ring[0]
	ring    []Event
	changed chan struct{}      // closed at the next event
	stop    context.CancelFunc // of the watch; nil where it is not running
	linger  *time.Timer        // that stops it
	closed  bool
	done    sync.WaitGroup
}

// New returns a Stream of what watch calls each with. It watches while there are pages.
func New(watch func(ctx context.Context, each func(Event)) error) *Stream {
	// Numbers go on from those of a server before this one, so that a page that comes back after a restart
	// is told that it missed something.
	return &Stream{watch: watch, first: uint64(time.Now().UnixMilli()) << 12, changed: make(chan struct{})}
}

// Close ends all pages, and returns when nothing runs any more.
func (s *Stream) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.changed)
	}
	s.end()
	s.mu.Unlock()
	s.done.Wait()
}

// end stops watching. The caller holds s.mu.
func (s *Stream) end() {
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	if s.linger != nil {
		s.linger.Stop()
		s.linger = nil
	}
}

// errFull is why a page is not served.
var errFull = errors.New("too many pages are open")

// enter notes a page, and begins to watch with the first. It returns the number of the next event.
func (s *Stream) enter() (next uint64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.pages >= MaxPages {
		return 0, errFull
	}
	s.pages++
	if s.linger != nil {
		s.linger.Stop()
		s.linger = nil
	}
	if s.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		s.stop = cancel
		s.done.Go(func() { _ = s.watch(ctx, s.publish) })
	}
	return s.first + uint64(len(s.ring)), nil
}

// leave is the end of a page.
func (s *Stream) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pages--; s.pages == 0 && s.stop != nil {
		s.linger = time.AfterFunc(lingerTime, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.pages == 0 {
				s.end()
			}
		})
	}
}

// publish keeps an event and wakes the pages.
func (s *Stream) publish(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if s.ring = append(s.ring, e); len(s.ring) >= 2*kept {
		n := len(s.ring) - kept
		s.ring = append(make([]Event, 0, 2*kept), s.ring[n:]...)
		s.first += uint64(n)
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// since returns the events from number next on that are about key, empty for all, how many were left out,
// and what tells of the next one. Changed is nil when the stream has ended.
func (s *Stream) since(next uint64, key string) (batch []Event, last uint64, missed uint64, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last = s.first + uint64(len(s.ring))
	if next < s.first {
		missed, next = s.first-next, s.first
	}
	for _, e := range s.ring[next-s.first:] {
		if key == "" || e.Key == key {
			batch = append(batch, e)
		}
	}
	if n := len(batch) - maxBatch; n > 0 {
		missed, batch = missed+uint64(n), batch[n:]
	}
	if s.closed {
		return batch, last, missed, nil
	}
	return batch, last, missed, s.changed
}

// ServeHTTP serves one page. The parameter key limits it to the events about one thing.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	next, err := s.enter()
	if err != nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer s.leave()
	if id, err := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64); err == nil && id < next {
		next = id // one that is greater is of elsewhere
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // which proxies of one kind need
	out := http.NewResponseController(w)
	key := r.URL.Query().Get("key")
	write := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTime))
		_, err := w.Write([]byte(text))
		return err == nil && out.Flush() == nil
	}
	if !write(fmt.Sprintf("retry: 3000\nid: %d\n\n", next)) {
		return
	}
	for {
		batch, last, missed, changed := s.since(next, key)
		next = last
		text := ""
		if missed > 0 {
			text = fmt.Sprintf("event: missed\ndata: %d\n\n", missed)
		}
		for _, e := range batch {
			text += fmt.Sprintf("event: %s\ndata: %s\n\n", e.Name, e.Data)
		}
		if text != "" && !write(fmt.Sprintf("id: %d\n%s", next, text)) {
			return
		}
		if changed == nil || !s.await(r.Context(), changed, func() bool { return write(":\n\n") }) {
			return
		}
	}
}

// await returns when there is something to be sent, at most four times a second; it beats meanwhile. It is
// false when the page has left.
func (s *Stream) await(ctx context.Context, changed <-chan struct{}, beat func() bool) bool {
	ticker := time.NewTicker(heartbeat)
	defer ticker.Stop()
	for {
		select {
		case <-changed:
			timer := time.NewTimer(pause)
			defer timer.Stop()
			select {
			case <-timer.C:
				return true
			case <-ctx.Done():
				return false
			}
		case <-ticker.C:
			if !beat() {
				return false
			}
		case <-ctx.Done():
			return false
		}
	}
}
