package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/store"
	"lwbs/store/bolt"
)

// A front answers at the doors from when they are open: while the database is opened only
// that this is so, and then as the server does.
type front struct {
	log   *slog.Logger
	began time.Time
	stop  context.CancelFunc
	ended chan error // of the sites

	handlers []*handler // of the sites, in their order

	mu   sync.Mutex
	text string    // of how far the opening is; guarded by mu
	told time.Time // when the log was told that last; guarded by mu
}

// A handler is one that can be replaced.
type handler struct{ now atomic.Pointer[http.Handler] }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*h.now.Load()).ServeHTTP(w, r)
}

func (h *handler) set(next http.Handler) { h.now.Store(&next) }

const (
	// toldFrom is the size of a database, in bytes, whose reading takes long enough to tell.
	toldFrom = 64 << 20

	// toldEvery is how often the log tells how far that is.
	toldEvery = 5 * time.Second
)

// openFront answers at all doors, until ctx ends or close is called.
func openFront(ctx context.Context, at doors, log *slog.Logger) *front {
	f := &front{log: log, began: time.Now(), ended: make(chan error, 1), text: "the database is being opened"}
	var sites []site
	for _, l := range at.all() {
		h := new(handler)
		h.set(admin.Starting(f.progressText))
		f.handlers = append(f.handlers, h)
		s := site{listener: l, handler: h}
		if l == at.metrics {
			s.answer = monitorTime
		}
		sites = append(sites, s)
	}
	ctx, f.stop = context.WithCancel(ctx)
	go func() { f.ended <- serveSites(ctx, sites, log) }()
	return f
}

// close ends the answering, and closes the doors.
func (f *front) close() error {
	f.stop()
	err := <-f.ended
	f.ended <- nil
	return err
}

func (f *front) progressText() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text
}

// options are those of the database, with what the operator is to be told of it.
func (f *front) options() bolt.Options {
	return bolt.Options{
		Progress: func(read, all int64) bool {
			f.progress(read, all)
			return true
		},
		Unreadable: func(part *store.UnreadableError) {
			f.log.Error("a part of the database cannot be read; lwbs db check tells what it has", "part", part.What(), "error", part.Err)
		},
	}
}

// progress notes how far the reading of a database is that was not closed in order.
func (f *front) progress(read, all int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = fmt.Sprintf("the database was not closed in order, and is being read: %d %% of %d bytes", 100*read/max(all, 1), all)
	if all < toldFrom || time.Since(f.told) < toldEvery {
		return
	}
	f.told = time.Now()
	f.log.Info("the database was not closed in order, and is being read", "read", read, "bytes", all)
}

// opened tells the log that the database is open, where that took long.
func (f *front) opened() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.told.IsZero() {
		f.log.Info("the database is open", "took", time.Since(f.began))
	}
}
