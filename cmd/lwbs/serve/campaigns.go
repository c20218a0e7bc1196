package serve

import (
	"context"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/campaign"
	"lwbs/bootstrap/handover"
	"lwbs/cmd/lwbs/internal/command"
	"lwbs/lwm2m"
	"lwbs/store"
)

// newCampaigns is what carries campaigns out, once it runs.
func (s *service) newCampaigns() *campaign.Runner {
	records := &admin.Local{Store: s.db, Running: func(ep lwm2m.EndpointName) *store.Session { return s.server.Running(ep) }}
	_, shared := s.db.(command.Shared)
	return campaign.New(campaign.Config{
		Shared: shared, Store: s.metrics.Store(s.db), Logger: s.log, Panics: s.panics, Select: records.SelectDevices,
		Trigger: func(ctx context.Context, server string, t campaign.Trigger) (note string, ofServer bool, err error) {
			note, err = s.handOver.Trigger(ctx, server, handover.Trigger(t))
			if handover.OfAbsentDevice(err) {
				err = &campaign.AbsentError{Err: err}
			}
			return note, handover.OfServer(err), err
		},
	})
}

// leadEvery is how often it is looked whether this server is to carry out campaigns.
const leadEvery = time.Second

// runCampaigns carries campaigns out until ctx ends; of several servers with one database one does. Wait returns when
// no LwM2M Server is being asked.
func (s *service) runCampaigns(ctx context.Context) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		leads := s.leads("campaigns")
		if leads == nil {
			s.campaigns.Run(ctx)
			return
		}
		for pause(ctx, leadEvery) {
			if !leads() {
				continue
			}
			leading, end := context.WithCancel(ctx)
			go func() { // ends it when another server is to go on
				defer end()
				for pause(leading, leadEvery) && leads() {
				}
			}()
			s.campaigns.Run(leading)
			end()
		}
	}()
	return func() { <-done }
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}
