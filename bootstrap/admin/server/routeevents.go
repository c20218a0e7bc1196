package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/replay"
	"lwbs/bootstrap/admin/wire"
)

// Limits of readers of events, in all and of one principal, and how often they are sent a comment, so that what is
// between them and the server keeps the connection.
const (
	MaxReaders      = 500
	MaxReadersOfOne = 50
	heartbeat       = 15 * time.Second
)

// readers are those of events.
type readers struct {
	mu sync.Mutex
	n  int            // guarded by mu
	of map[string]int // by principal; guarded by mu
}

// enter notes a reader; leave is to be called when it has gone.
func (r *readers) enter(who string) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n >= MaxReaders || r.of[who] >= MaxReadersOfOne {
		return nil, fmt.Errorf("%w: at most %d, and %d of one user or token", wire.ErrReaders, MaxReaders, MaxReadersOfOne)
	}
	if r.of == nil {
		r.of = make(map[string]int)
	}
	r.n++
	r.of[who]++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.n--
		if r.of[who]--; r.of[who] == 0 {
			delete(r.of, who)
		}
	}, nil
}

// events sends events as they happen, in the form of server-sent events. A reader that comes back tells in the header
// Last-Event-ID what it saw last, and is sent what it missed, as far as that is kept.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	_, err := parse(r, nil)
	var leave func()
	if err == nil {
		p, _ := access.From(r.Context())
		leave, err = s.readers.enter(p.Way + " " + p.Name)
	}
	if err != nil {
		if errors.Is(err, wire.ErrReaders) {
			w.Header().Set("Retry-After", "30")
		}
		writeProblem(w, wire.ProblemOf(err))
		return
	}
	defer leave()
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // which proxies of one kind need
	out := &eventWriter{w: w, out: http.NewResponseController(w)}
	stop, began := out.beat(), false
	o := admin.WatchOptions{After: replay.ParsePosition(r.Header.Get("Last-Event-ID")), Began: func(at replay.Position) {
		began = true
		_ = out.write("retry: 3000\nid: " + at.String() + "\n\n")
	}}
	err = s.api.Watch(r.Context(), o, func(e admin.Event) error {
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return out.write(fmt.Sprintf("id: %v\nevent: %s\ndata: %s\n\n", e.Position, e.Kind, b))
	})
	if stop(); err != nil && !began {
		writeProblem(w, wire.ProblemOf(err))
	}
}

// An eventWriter writes events, and comments between them.
type eventWriter struct {
	mu  sync.Mutex
	w   http.ResponseWriter // guarded by mu
	out *http.ResponseController
}

func (e *eventWriter) write(text string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, err := e.w.Write([]byte(text))
	return errors.Join(err, e.out.Flush())
}

// beat writes a comment every 15 s until stop is called, which returns when none is being written any more.
func (e *eventWriter) beat() (stop func()) {
	ticker, ended, done := time.NewTicker(heartbeat), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				if e.write(":\n\n") != nil {
					return
				}
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}
