package client

import (
	"context"
	"net/http"
	"strconv"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

func userPath(name string) string { return "/v1/users/" + segment(name) }

// AddUser implements [admin.API].
func (c *Client) AddUser(ctx context.Context, name string, set admin.UserSettings) (u admin.User, err error) {
	return u, c.request(ctx, http.MethodPost, userPath(name), 0, set, &u)
}

// SetUser implements [admin.API].
func (c *Client) SetUser(ctx context.Context, name string, rev store.Revision, set admin.UserSettings) (u admin.User, err error) {
	return u, c.request(ctx, http.MethodPatch, userPath(name), rev, set, &u)
}

// ChangePassword implements [admin.API].
func (c *Client) ChangePassword(ctx context.Context, change admin.PasswordChange) (u admin.User, err error) {
	return u, c.request(ctx, http.MethodPost, "/v1/principal/password", 0, change, &u)
}

// User implements [admin.API].
func (c *Client) User(ctx context.Context, name string) (u admin.User, err error) {
	return u, c.request(ctx, http.MethodGet, userPath(name), 0, nil, &u)
}

// Users implements [admin.API].
func (c *Client) Users(ctx context.Context) (all []admin.User, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/users", 0, nil, &all)
}

// DeleteUser implements [admin.API].
func (c *Client) DeleteUser(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, userPath(name), rev, nil, nil)
}

// CreateToken implements [admin.API].
func (c *Client) CreateToken(ctx context.Context, name string, set admin.TokenSettings) (t admin.Token, err error) {
	return t, c.request(ctx, http.MethodPost, "/v1/tokens/"+segment(name), 0, set, &t)
}

// Tokens implements [admin.API].
func (c *Client) Tokens(ctx context.Context) (all []admin.Token, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/tokens", 0, nil, &all)
}

// RevokeToken implements [admin.API].
func (c *Client) RevokeToken(ctx context.Context, name string, rev store.Revision) error {
	return c.request(ctx, http.MethodDelete, "/v1/tokens/"+segment(name), rev, nil, nil)
}

// Audit implements [admin.API].
func (c *Client) Audit(ctx context.Context, q store.AuditQuery) (page []store.AuditEntry, err error) {
	before := ""
	if q.Before != 0 {
		before = strconv.FormatUint(uint64(q.Before), 10)
	}
	path := withQuery("/v1/audit", "before", before, "name", q.Name, "action", q.Action, "target", q.Target,
		"since", moment(q.Since), "until", moment(q.Until), "limit", number(q.Limit))
	return page, c.request(ctx, http.MethodGet, path, 0, nil, &page)
}

// Whoami implements [admin.API].
func (c *Client) Whoami(ctx context.Context) (p access.Principal, err error) {
	return p, c.request(ctx, http.MethodGet, "/v1/principal", 0, nil, &p)
}

// BeginBulk implements [admin.API].
func (c *Client) BeginBulk(ctx context.Context, b admin.Bulk) (store.AuditID, error) {
	var begun wire.Bulk
	err := c.request(ctx, http.MethodPost, "/v1/bulk", 0, b, &begun)
	return begun.ID, err
}

// EndBulk implements [admin.API].
func (c *Client) EndBulk(ctx context.Context, id store.AuditID) error {
	return c.request(ctx, http.MethodPost, "/v1/bulk/"+strconv.FormatUint(uint64(id), 10)+"/end", 0, nil, nil)
}
