package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
)

// PutDevices implements [admin.API].
func (c *Client) PutDevices(ctx context.Context, o admin.BatchOptions, rows iter.Seq[admin.BatchRow], each func(admin.BatchResult) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	body, feed := io.Pipe()
	fed := make(chan struct{})
	go func() {
		defer close(fed)
		feed.CloseWithError(writeRows(feed, rows))
	}()
	defer func() {
		body.CloseWithError(context.Canceled)
		<-fed
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+withQuery("/v1/devices", "dryRun", flag(o.DryRun)), body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", wire.BatchMedia)
	resp, err := c.patient.Do(req)
	if err != nil {
		return askError(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return problemIn(resp)
	}
	err = readResults(resp.Body, each)
	if ended := ctx.Err(); ended != nil { // what the connection says of that depends on where it was
		return ended
	}
	return err
}

// writeRows sends the rows of a batch.
func writeRows(to io.Writer, rows iter.Seq[admin.BatchRow]) error {
	out := bufio.NewWriterSize(to, 64<<10)
	encoder := json.NewEncoder(out)
	for row := range rows {
		if err := encoder.Encode(row); err != nil {
			return err
		}
	}
	return out.Flush()
}

// readResults reads the answer to a batch.
func readResults(from io.Reader, each func(admin.BatchResult) error) error {
	lines := json.NewDecoder(from)
	for {
		var line wire.BatchLine
		if err := lines.Decode(&line); err != nil {
			return fmt.Errorf("the server's answer ends before all rows were put: %w", err)
		}
		switch {
		case line.End != nil && line.End.Problem != nil:
			return line.End.Problem.Err()
		case line.End != nil:
			return nil
		}
		if err := each(line.BatchResult); err != nil {
			return err
		}
	}
}
