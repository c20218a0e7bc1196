package server

import (
	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

func (s *Server) campaigns(r request) (reply, error) {
	all, err := s.api.Campaigns(r.Context())
	return reply{body: all}, err
}

func (s *Server) rebootstrap(r request) (reply, error) {
	var in admin.RebootstrapRequest
	if err := r.body(&in); err != nil {
		return reply{}, err
	}
	out, err := s.api.Rebootstrap(r.Context(), in)
	return reply{body: out}, err
}

func (s *Server) campaign(r request) (reply, error) {
	c, err := s.api.Campaign(r.Context(), r.PathValue("id"))
	return reply{body: c}, err
}

func (s *Server) campaignDevices(r request) (reply, error) {
	n, err := r.limit()
	if err != nil {
		return reply{}, err
	}
	q := store.CampaignDeviceQuery{Campaign: r.PathValue("id"), After: lwm2m.EndpointName(r.query.Get("after"))}
	if q.Open, err = r.boolean("open"); err != nil {
		return reply{}, err
	}
	return page(r, n, "after", func(limit int, after string) ([]store.CampaignDevice, error) {
		q.Limit = limit
		if after != "" {
			q.After = lwm2m.EndpointName(after)
		}
		return s.api.CampaignDevices(r.Context(), q)
	}, func(d store.CampaignDevice) string { return string(d.Endpoint) })
}

// setCampaign returns what serves one action.
func setCampaign(do admin.CampaignAction) func(*Server, request) (reply, error) {
	return func(s *Server, r request) (reply, error) {
		c, err := s.api.SetCampaign(r.Context(), r.PathValue("id"), do)
		return reply{body: c}, err
	}
}
