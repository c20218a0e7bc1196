// Package stream passes what happens on to many open pages, as server-sent events. Each event is rendered
// once. A page that comes back is told what it missed, as far as that is kept; one that is too slow loses
// events and is told how many. No page slows down another, or the server.
package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"lwbs/bootstrap/admin/replay"
)

// Limits, and times.
const (
	// MaxPages is how many pages are served at a time, MaxPagesOfOne how many of one person; another is told to come
	// later.
	MaxPages      = 500
	MaxPagesOfOne = 50

	kept       = 512                    // messages, for pages that come back
	keptBytes  = 4 << 20                // of their data together
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

	ring *replay.Ring[Event]

	mu     sync.Mutex
	pages  int
	of     map[string]int     // pages by whose they are
	stop   context.CancelFunc // of the watch; nil where it is not running
	linger *time.Timer        // that stops it
	closed bool
	done   sync.WaitGroup
}

// New returns a Stream of what watch calls each with. It watches while there are pages.
func New(watch func(ctx context.Context, each func(Event)) error) *Stream {
	return &Stream{watch: watch, ring: replay.New[Event](kept, keptBytes)}
}

// Close ends all pages, and returns when nothing runs any more.
func (s *Stream) Close() {
	s.mu.Lock()
	s.closed = true
	s.end()
	s.mu.Unlock()
	s.ring.Close()
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

// enter notes a page of someone, and begins to watch with the first.
func (s *Stream) enter(who string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.pages >= MaxPages || s.of[who] >= MaxPagesOfOne {
		return errFull
	}
	if s.of == nil {
		s.of = make(map[string]int)
	}
	s.pages++
	s.of[who]++
	if s.linger != nil {
		s.linger.Stop()
		s.linger = nil
	}
	if s.stop == nil {
		ctx, cancel := context.WithCancel(context.Background())
		s.stop = cancel
		s.done.Go(func() { _ = s.watch(ctx, s.publish) })
	}
	return nil
}

// leave is the end of a page of someone.
func (s *Stream) leave(who string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of[who]--; s.of[who] == 0 {
		delete(s.of, who)
	}
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

// Missed is the name of the event that says that events are missing. It is for all pages.
const Missed = "missed"

// publish keeps an event and wakes the pages.
func (s *Stream) publish(e Event) { s.ring.Put(e, len(e.Data)) }

// since returns the events behind a position that are about key, empty for all, the position behind them, and what tells
// of the next one. The first may say that others are missing. More is nil when the stream has ended.
func (s *Stream) since(p replay.Position, key string) (batch []Event, next replay.Position, more <-chan struct{}) {
	all, next, gap, more := s.ring.Since(p)
	for _, e := range all {
		if key == "" || e.Key == key || e.Name == Missed {
			batch = append(batch, e)
		}
	}
	if n := len(batch) - maxBatch; n > 0 {
		gap.Values, batch = gap.Values+uint64(n), batch[n:]
	}
	if gap.Some() {
		told := "{}" // it is not known how many
		if !gap.Unknown {
			told = fmt.Sprintf(`{"missed":%d}`, gap.Values)
		}
		batch = append([]Event{{Name: Missed, Data: []byte(told)}}, batch...)
	}
	return batch, next, more
}

// ServeHTTP is Serve for no one in particular.
func (s *Stream) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.Serve(w, r, "") }

// Serve serves one page of someone. The parameter key limits it to the events about one thing.
func (s *Stream) Serve(w http.ResponseWriter, r *http.Request, who string) {
	if err := s.enter(who); err != nil {
		w.Header().Set("Retry-After", "30")
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer s.leave(who)
	next := replay.ParsePosition(r.Header.Get("Last-Event-ID"))
	if next == 0 {
		next = s.ring.End()
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
	if !write(fmt.Sprintf("retry: 3000\nid: %v\n\n", next)) {
		return
	}
	for {
		batch, last, changed := s.since(next, key)
		next = last
		text := ""
		for _, e := range batch {
			text += fmt.Sprintf("event: %s\ndata: %s\n\n", e.Name, e.Data)
		}
		if text != "" && !write(fmt.Sprintf("id: %v\n%s", next, text)) {
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
