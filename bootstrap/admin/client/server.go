package client

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
)

// Status implements [admin.API].
func (c *Client) Status(ctx context.Context) (s admin.Status, err error) {
	return s, c.request(ctx, http.MethodGet, "/v1/status", 0, nil, &s)
}

// Unreadable implements [admin.API].
func (c *Client) Unreadable(ctx context.Context) (parts []admin.Unreadable, err error) {
	return parts, c.request(ctx, http.MethodGet, "/v1/unreadable", 0, nil, &parts)
}

// Check implements [admin.API].
func (c *Client) Check(ctx context.Context) error {
	return c.request(ctx, http.MethodPost, "/v1/check", 0, nil, nil)
}

// Backup implements [admin.API].
func (c *Client) Backup(ctx context.Context, file string) error {
	return c.request(ctx, http.MethodPost, "/v1/backup", 0, wire.BackupRequest{File: file}, nil)
}

// WriteBackup implements [admin.API]. What was written of a copy that fails is none.
func (c *Client) WriteBackup(ctx context.Context, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodPost, "/v1/backup/content", 0, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}
