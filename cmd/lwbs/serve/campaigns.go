package serve

import (
	"context"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/campaign"
	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// newCampaigns is what carries campaigns out, once it runs.
func (s *service) newCampaigns() *campaign.Runner {
	records := &admin.Local{Store: s.db, Running: func(ep lwm2m.EndpointName) *store.Session { return s.server.Running(ep) }}
	return campaign.New(campaign.Config{
		Store: s.metrics.Store(s.db), Logger: s.log, Panics: s.panics, Select: records.SelectDevices,
		Trigger: func(ctx context.Context, server string, t campaign.Trigger) (note string, ofServer bool, err error) {
			note, err = s.handOver.Trigger(ctx, server, handover.Trigger(t))
			if handover.OfAbsentDevice(err) {
				err = &campaign.AbsentError{Err: err}
			}
			return note, handover.OfServer(err), err
		},
	})
}

// runCampaigns carries campaigns out until ctx ends. Wait returns when no LwM2M Server is being asked.
func (s *service) runCampaigns(ctx context.Context) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.campaigns.Run(ctx)
	}()
	return func() { <-done }
}
