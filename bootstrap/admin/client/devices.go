package client

import (
	"context"
	"net/http"
	"time"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/lwm2m"
	"lwbs/store"
)

// AddDevice implements [admin.API].
func (c *Client) AddDevice(ctx context.Context, ep lwm2m.EndpointName, set admin.DeviceSettings) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPost, devicePath(ep), 0, set, &d)
}

// SetDevice implements [admin.API].
func (c *Client) SetDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision, set admin.DeviceSettings) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPatch, devicePath(ep), rev, set, &d)
}

// Device implements [admin.API].
func (c *Client) Device(ctx context.Context, ep lwm2m.EndpointName, reveal bool) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodGet, withQuery(devicePath(ep), "reveal", flag(reveal)), 0, nil, &d)
}

// Devices implements [admin.API].
func (c *Client) Devices(ctx context.Context, q admin.DeviceQuery) (page []admin.Device, err error) {
	path := withQuery("/v1/devices", append(filterPairs(q.DeviceFilter), "after", string(q.After), "limit", number(q.Limit))...)
	if q.NeedsHistory() {
		return page, c.scan(ctx, path, &page)
	}
	return page, c.request(ctx, http.MethodGet, path, 0, nil, &page)
}

// CountDevices implements [admin.API].
func (c *Client) CountDevices(ctx context.Context, f admin.DeviceFilter) (count admin.DeviceCount, err error) {
	return count, c.scan(ctx, withQuery("/v1/fleet", filterPairs(f)...), &count)
}

// filterPairs are the parameters of a filter.
func filterPairs(f admin.DeviceFilter) []string {
	return []string{
		"prefix", f.Prefix, "profile", f.Profile, "tag", f.Tag, "group", f.Group, "state", string(f.State),
		"seenSince", moment(f.SeenSince), "notSeenSince", moment(f.NotSeenSince), "rotating", flag(f.Rotating), "expiresBefore", moment(f.ExpiresBefore),
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Preview implements [admin.API].
func (c *Client) Preview(ctx context.Context, ep lwm2m.EndpointName, o admin.PreviewOptions) (v admin.Preview, err error) {
	return v, c.request(ctx, http.MethodPost, devicePath(ep)+"/preview", 0, o, &v)
}

// RenameDevice implements [admin.API].
func (c *Client) RenameDevice(ctx context.Context, ep, to lwm2m.EndpointName, rev store.Revision) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPost, devicePath(ep)+"/rename", rev, wire.RenameRequest{To: to}, &d)
}

// DeleteDevice implements [admin.API].
func (c *Client) DeleteDevice(ctx context.Context, ep lwm2m.EndpointName, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, devicePath(ep), rev, nil, nil)
}
