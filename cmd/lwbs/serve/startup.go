package serve

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap/admin/server"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/store"
)

// A startup serves the HTTP listeners from the start: while the database is opened it answers 503
// with the progress, then as the server does.
type startup struct {
	log   *slog.Logger
	began time.Time
	stop  context.CancelFunc
	ended chan error // of the sites

	handlers []*handler // of the sites, in their order

	mu   sync.Mutex
	text string    // the progress of the opening; guarded by mu
	told time.Time // when the progress was logged last; guarded by mu
}

// A handler is an [http.Handler] that can be replaced.
type handler struct{ now atomic.Pointer[http.Handler] }

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*h.now.Load()).ServeHTTP(w, r)
}

func (h *handler) set(next http.Handler) { h.now.Store(&next) }

const (
	// toldFrom is the size of a database, in bytes, from which the progress is logged.
	toldFrom = 64 << 20

	// toldEvery is how often the progress is logged.
	toldEvery = 5 * time.Second
)

// serveStartup serves the HTTP listeners until ctx ends or close is called.
func serveStartup(ctx context.Context, at httpListeners, log *slog.Logger) *startup {
	f := &startup{log: log, began: time.Now(), ended: make(chan error, 1), text: "the database is being opened"}
	var sites []site
	for _, l := range at.all() {
		h := new(handler)
		h.set(server.Starting(f.progressText))
		f.handlers = append(f.handlers, h)
		s := site{listener: l, handler: h}
		if l != at.admin && l != at.web {
			s.answer = monitorTime
		}
		sites = append(sites, s)
	}
	ctx, f.stop = context.WithCancel(ctx)
	go func() { f.ended <- serveSites(ctx, sites, log) }()
	return f
}

// close stops serving and closes the listeners.
func (f *startup) close() error {
	f.stop()
	err := <-f.ended
	f.ended <- nil
	return err
}

func (f *startup) progressText() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text
}

// options are the options of the database that report progress and damage to the operator.
func (f *startup) options() command.StoreOptions {
	return command.StoreOptions{
		Progress: func(read, all int64) bool {
			f.progress(read, all)
			return true
		},
		Unreadable: func(part *store.UnreadableError) {
			f.log.Error("a part of the database cannot be read; lwbs db check lists what is damaged", "part", part.What(), "error", part.Err)
		},
		Failed: func(err error) {
			f.log.Warn("the database could not be tidied: it is tried again in a minute", "error", err)
		},
	}
}

// progress notes how much was read of a database that was not closed in order.
func (f *startup) progress(read, all int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = fmt.Sprintf("the database was not closed in order, and is being read: %d %% of %d bytes", 100*read/max(all, 1), all)
	if all < toldFrom || time.Since(f.told) < toldEvery {
		return
	}
	f.told = time.Now()
	f.log.Info("the database was not closed in order, and is being read", "read", read, "bytes", all)
}

// opened logs that the database is open, where its progress was logged before.
func (f *startup) opened() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.told.IsZero() {
		f.log.Info("the database is open", "took", time.Since(f.began))
	}
}
