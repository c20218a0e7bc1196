package client

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/why"
	"lwbs/store"
)

// Session implements [admin.API].
func (c *Client) Session(ctx context.Context, id string) (s store.Session, err error) {
	return s, c.request(ctx, http.MethodGet, "/v1/sessions/"+segment(id), 0, nil, &s)
}

// Explain implements [admin.API].
func (c *Client) Explain(ctx context.Context, id string) (r why.Reason, err error) {
	return r, c.request(ctx, http.MethodGet, "/v1/sessions/"+segment(id)+"/explanation", 0, nil, &r)
}

// Why implements [admin.API].
func (c *Client) Why(ctx context.Context, name string, limit int) (w why.Answer, err error) {
	return w, c.request(ctx, http.MethodGet, withQuery("/v1/why/"+segment(name), "limit", number(limit)), 0, nil, &w)
}

// failuresPath is that of a read which goes through the whole history.
const failuresPath = "/v1/failures"

// Failures implements [admin.API].
func (c *Client) Failures(ctx context.Context, examples int) (f why.Failures, err error) {
	return f, c.scan(ctx, withQuery(failuresPath, "examples", number(examples)), &f)
}

// RunningSessions implements [admin.API].
func (c *Client) RunningSessions(ctx context.Context) (running []store.Session, err error) {
	return running, c.request(ctx, http.MethodGet, "/v1/sessions/running", 0, nil, &running)
}

// PendingDevices implements [admin.API].
func (c *Client) PendingDevices(ctx context.Context) (all []admin.PendingDevice, err error) {
	return all, c.request(ctx, http.MethodGet, "/v1/pending", 0, nil, &all)
}

// ApprovePending implements [admin.API].
func (c *Client) ApprovePending(ctx context.Context, id string, a admin.Approval) (d admin.Device, err error) {
	return d, c.request(ctx, http.MethodPost, "/v1/pending/"+segment(id)+"/approve", 0, a, &d)
}

// RejectPending implements [admin.API].
func (c *Client) RejectPending(ctx context.Context, id string) (p admin.PendingDevice, err error) {
	return p, c.request(ctx, http.MethodPost, "/v1/pending/"+segment(id)+"/reject", 0, nil, &p)
}

// Sessions implements [admin.API].
func (c *Client) Sessions(ctx context.Context, q store.SessionQuery) (page []store.Session, err error) {
	path := withQuery("/v1/sessions", "endpoint", string(q.Endpoint), "identity", q.Identity, "before", q.Before,
		"limit", number(q.Limit), "failed", flag(q.Failed), "own", flag(q.Own), "unknown", flag(q.Unknown))
	return page, c.request(ctx, http.MethodGet, path, 0, nil, &page)
}

// Trace implements [admin.API]. It ends with the error of ctx where that ended it.
func (c *Client) Trace(ctx context.Context, o admin.TraceOptions, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodPost, "/v1/trace", 0, o)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("read the trace: %w", err)
	}
	return nil
}
