package metrics

import (
	"context"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
)

func (s measured) PutCampaign(ctx context.Context, c store.Campaign) (kept store.Campaign, err error) {
	defer s.took("put_campaign", time.Now(), &err)
	return s.Store.PutCampaign(ctx, c)
}

func (s measured) Campaign(ctx context.Context, id string) (r store.CampaignRecord, err error) {
	defer s.took("campaign", time.Now(), &err)
	return s.Store.Campaign(ctx, id)
}

func (s measured) Campaigns(ctx context.Context) (all []store.CampaignRecord, err error) {
	defer s.took("campaigns", time.Now(), &err)
	return s.Store.Campaigns(ctx)
}

func (s measured) DeleteCampaign(ctx context.Context, id string) (err error) {
	defer s.took("delete_campaign", time.Now(), &err)
	return s.Store.DeleteCampaign(ctx, id)
}

func (s measured) AdvanceCampaign(ctx context.Context, id string, p store.CampaignProgress, devices ...store.CampaignDevice) (err error) {
	defer s.took("advance_campaign", time.Now(), &err)
	return s.Store.AdvanceCampaign(ctx, id, p, devices...)
}

func (s measured) CampaignDevice(ctx context.Context, id string, ep lwm2m.EndpointName) (d store.CampaignDevice, err error) {
	defer s.took("campaign_device", time.Now(), &err)
	return s.Store.CampaignDevice(ctx, id, ep)
}

func (s measured) CampaignDevices(ctx context.Context, q store.CampaignDeviceQuery) (page []store.CampaignDevice, err error) {
	defer s.took("campaign_devices", time.Now(), &err)
	return s.Store.CampaignDevices(ctx, q)
}
