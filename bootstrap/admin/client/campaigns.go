package client

import (
	"context"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/store"
)

// Rebootstrap implements [admin.API].
func (c *Client) Rebootstrap(ctx context.Context, r admin.RebootstrapRequest) (out admin.Rebootstrap, err error) {
	return out, c.request(ctx, http.MethodPost, "/v1/campaigns", 0, r, &out)
}

// Campaigns implements [admin.API].
func (c *Client) Campaigns(ctx context.Context) (all []admin.Campaign, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/campaigns", 0, nil, &all)
}

// Campaign implements [admin.API].
func (c *Client) Campaign(ctx context.Context, id string) (out admin.Campaign, err error) {
	return out, c.request(ctx, http.MethodGet, "/v1/campaigns/"+segment(id), 0, nil, &out)
}

// CampaignDevices implements [admin.API].
func (c *Client) CampaignDevices(ctx context.Context, q store.CampaignDeviceQuery) (page []store.CampaignDevice, err error) {
	path := withQuery("/v1/campaigns/"+segment(q.Campaign)+"/devices", "open", flag(q.Open), "after", string(q.After), "limit", number(q.Limit))
	return page, c.request(ctx, http.MethodGet, path, 0, nil, &page)
}

// SetCampaign implements [admin.API].
func (c *Client) SetCampaign(ctx context.Context, id string, do admin.CampaignAction) (out admin.Campaign, err error) {
	return out, c.request(ctx, http.MethodPost, "/v1/campaigns/"+segment(id)+"/"+segment(string(do)), 0, nil, &out)
}
