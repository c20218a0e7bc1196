package client

import (
	"context"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// ApplyProfile implements [admin.API].
func (c *Client) ApplyProfile(ctx context.Context, p store.Profile, o admin.ApplyOptions) (a admin.Applied, err error) {
	rev := p.Revision
	p.Revision = 0
	path := withQuery(profilePath(p.Name), "replaceKeys", flag(o.ReplaceKeys), "allowFailing", flag(o.AllowFailing), "dryRun", flag(o.DryRun), "examine", number(o.Examine))
	return a, c.request(ctx, http.MethodPut, path, rev, p, &a)
}

// ApplyProfiles implements [admin.API].
func (c *Client) ApplyProfiles(ctx context.Context, ps []store.Profile, o admin.ApplyOptions) ([]admin.Applied, error) {
	var a wire.ApplyAnswer
	err := c.request(ctx, http.MethodPost, "/v1/profiles", 0, wire.ApplyRequest{Profiles: ps, ApplyOptions: o}, &a)
	return a.Applied, err
}

// Profile implements [admin.API].
func (c *Client) Profile(ctx context.Context, name string) (p store.Profile, err error) {
	return p, c.request(ctx, http.MethodGet, profilePath(name), 0, nil, &p)
}

// Profiles implements [admin.API].
func (c *Client) Profiles(ctx context.Context, q store.ProfileQuery) (page []store.Profile, err error) {
	return page, c.request(ctx, http.MethodGet, withQuery("/v1/profiles", "after", q.After, "limit", number(q.Limit)), 0, nil, &page)
}

// ProfileRevisions implements [admin.API].
func (c *Client) ProfileRevisions(ctx context.Context, name string) (all []store.Profile, err error) {
	return all, c.request(ctx, http.MethodGet, profilePath(name)+"/revisions", 0, nil, &all)
}

// DeleteProfile implements [admin.API].
func (c *Client) DeleteProfile(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, profilePath(name), rev, nil, nil)
}

func groupPath(name string) string { return "/v1/groups/" + segment(name) }

// AddGroup implements [admin.API].
func (c *Client) AddGroup(ctx context.Context, name string, set admin.GroupSettings) (g admin.Group, err error) {
	return g, c.request(ctx, http.MethodPost, groupPath(name), 0, set, &g)
}

// SetGroup implements [admin.API].
func (c *Client) SetGroup(ctx context.Context, name string, rev store.Revision, set admin.GroupSettings) (g admin.Group, err error) {
	return g, c.request(ctx, http.MethodPatch, groupPath(name), rev, set, &g)
}

// Group implements [admin.API].
func (c *Client) Group(ctx context.Context, name string, reveal bool) (g admin.Group, err error) {
	return g, c.scan(ctx, withQuery(groupPath(name), "reveal", flag(reveal)), &g)
}

// Groups implements [admin.API].
func (c *Client) Groups(ctx context.Context) (all []admin.Group, err error) {
	return all, c.scan(ctx, "/v1/groups", &all)
}

// DeleteGroup implements [admin.API].
func (c *Client) DeleteGroup(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, groupPath(name), rev, nil, nil)
}

func lwm2mServerPath(name string) string { return "/v1/lwm2m-servers/" + segment(name) }

// AddLwM2MServer implements [admin.API].
func (c *Client) AddLwM2MServer(ctx context.Context, name string, set admin.LwM2MServerSettings) (s admin.LwM2MServer, err error) {
	return s, c.request(ctx, http.MethodPost, lwm2mServerPath(name), 0, set, &s)
}

// SetLwM2MServer implements [admin.API].
func (c *Client) SetLwM2MServer(ctx context.Context, name string, rev store.Revision, set admin.LwM2MServerSettings) (s admin.LwM2MServer, err error) {
	return s, c.request(ctx, http.MethodPatch, lwm2mServerPath(name), rev, set, &s)
}

// LwM2MServer implements [admin.API].
func (c *Client) LwM2MServer(ctx context.Context, name string, reveal bool) (s admin.LwM2MServer, err error) {
	return s, c.request(ctx, http.MethodGet, withQuery(lwm2mServerPath(name), "reveal", flag(reveal)), 0, nil, &s)
}

// LwM2MServers implements [admin.API].
func (c *Client) LwM2MServers(ctx context.Context) (all []admin.LwM2MServer, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/lwm2m-servers", 0, nil, &all)
}

// DeleteLwM2MServer implements [admin.API].
func (c *Client) DeleteLwM2MServer(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, lwm2mServerPath(name), rev, nil, nil)
}

// TestLwM2MServer implements [admin.API].
func (c *Client) TestLwM2MServer(ctx context.Context, name string) (t admin.LwM2MServerTest, err error) {
	return t, c.request(ctx, http.MethodPost, lwm2mServerPath(name)+"/test", 0, nil, &t)
}
