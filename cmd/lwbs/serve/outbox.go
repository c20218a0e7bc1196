package serve

import (
	"context"
	"time"

	"lwbs/bootstrap/expiry"
	"lwbs/bootstrap/metrics"
	"lwbs/bootstrap/outbox"
	"lwbs/bootstrap/panics"
	"lwbs/cmd/lwbs/internal/command"
)

// leads stands for what one server of a shared database is to do, and returns whether it is this one; nil where the
// database is not shared.
func (s *service) leads(name string) func() bool {
	if shared, is := s.db.(command.Shared); is {
		return shared.Lead(name)
	}
	return nil
}

// startOutbox delivers what LwM2M Servers are still to be told, and looks for certificates that expire, until
// close.
func (s *service) startOutbox() {
	measured := s.metrics.Store(s.db)
	s.outbox = outbox.Start(outbox.Config{
		Store: measured, Deliver: s.handOver.Deliver, Logger: s.log, Leads: s.leads("outbox"),
		Contain: func(f func()) { s.panics.Run(panics.Outbox, f) },
	})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	watcher := expiry.Watcher{
		Store: measured, Own: s.tls.shown, Logger: s.log,
		Contain: func(f func()) { s.panics.Run(panics.Outbox, f) },
	}
	go func() {
		defer close(ended)
		watcher.Run(ctx)
	}()
	s.stopExpiry = func() { stop(); <-ended }
	names := make([]string, len(outbox.Results))
	for i, r := range outbox.Results {
		names[i] = string(r)
	}
	s.metrics.Outbox(metrics.Outbox{
		Counts: func() (queued, dead, lost int) {
			counts, err := s.db.OutboxCounts(context.Background())
			if err != nil {
				return 0, 0, 0
			}
			for _, c := range counts {
				queued, dead, lost = queued+int(c.Queued), dead+int(c.Dead), lost+int(c.Lost)
			}
			return queued, dead, lost
		},
		Oldest: func() (oldest time.Time) {
			for _, w := range s.outbox.Waiting() {
				if !w.Oldest.IsZero() && (oldest.IsZero() || w.Oldest.Before(oldest)) {
					oldest = w.Oldest
				}
			}
			return oldest
		},
		Away: func() (n int) {
			for _, w := range s.outbox.Waiting() {
				if w.Failures > 0 {
					n++
				}
			}
			return n
		},
		Results: names, Count: func(result string) uint64 { return s.outbox.Results()[outbox.Result(result)] },
	})
}
