package admin

import (
	"context"
	"sync"

	"lwbs/bootstrap"
	"lwbs/store"
)

// An Event is something that happened to a session; Missed, where not zero, is how
// many events before it the reader was too slow for.
type Event struct {
	Kind    bootstrap.EventKind `json:"kind"`
	Session store.Session       `json:"session"`
	Missed  int                 `json:"missed,omitempty"`
}

// watchQueue is how many events a watcher may be behind before it loses some.
const watchQueue = 256

// A Hub passes the events of a Bootstrap-Server on to watchers. Tell it of each with
// Observe. A watcher that is too slow loses events and is told how many; it never
// slows the server. The zero Hub is ready for use.
type Hub struct {
	mu       sync.Mutex
	watchers map[*watcher]struct{} // guarded by mu
}

type watcher struct {
	events chan Event
	missed int // guarded by Hub.mu
}

// Observe passes e on.
func (h *Hub) Observe(e bootstrap.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for w := range h.watchers {
		select {
		case w.events <- Event{Kind: e.Kind, Session: e.Session, Missed: w.missed}:
			w.missed = 0
		default:
			w.missed++
		}
	}
}

func (h *Hub) watch(ctx context.Context, each func(Event) error) error {
	w := &watcher{events: make(chan Event, watchQueue)}
	h.mu.Lock()
	if h.watchers == nil {
		h.watchers = make(map[*watcher]struct{})
	}
	h.watchers[w] = struct{}{}
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.watchers, w)
		h.mu.Unlock()
	}()
	for {
		select {
		case e := <-w.events:
			if err := each(e); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}
