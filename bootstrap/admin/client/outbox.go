package client

import (
	"context"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
	"lwbs/store"
)

// OutboxReceivers implements [admin.API].
func (c *Client) OutboxReceivers(ctx context.Context) (all []admin.OutboxReceiver, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/outbox", 0, nil, &all)
}

// Messages implements [admin.API].
func (c *Client) Messages(ctx context.Context, q store.MessageQuery) (page []admin.Message, err error) {
	after := ""
	if q.After.Receiver != "" {
		after = wire.FormatCursor(q.After)
	}
	return page, c.request(ctx, http.MethodGet, withQuery("/v1/outbox/messages", "receiver", q.Receiver, "endpoint", string(q.Endpoint),
		"dead", flag(q.Dead), "after", after, "limit", number(q.Limit)), 0, nil, &page)
}

// Message implements [admin.API].
func (c *Client) Message(ctx context.Context, id store.MessageID) (m admin.Message, err error) {
	return m, c.request(ctx, http.MethodGet, "/v1/outbox/messages/"+id.String(), 0, nil, &m)
}

// RetryMessages implements [admin.API].
func (c *Client) RetryMessages(ctx context.Context, f admin.MessageFilter) (int, error) {
	var done wire.MessagesDone
	err := c.request(ctx, http.MethodPost, "/v1/outbox/retry", 0, f, &done)
	return done.Messages, err
}

// DropMessages implements [admin.API].
func (c *Client) DropMessages(ctx context.Context, f admin.MessageFilter) (int, error) {
	var done wire.MessagesDone
	err := c.request(ctx, http.MethodPost, "/v1/outbox/drop", 0, f, &done)
	return done.Messages, err
}
