package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
)

// A batch travels as one request of JSON lines, a [BatchRow] in each, and is answered by JSON
// lines while it is read: a [BatchResult] for each row, and a batchEnd at last. Without that
// the answer was cut.
const batchMedia = "application/jsonl"

// A batchEnd is the last line of the answer.
type batchEnd struct {
	Rows    int      `json:"rows"`              // that there are results of
	Problem *Problem `json:"problem,omitempty"` // why there are no more; nil where all were put
}

// A batchLine is a line of the answer, either of the two.
type batchLine struct {
	BatchResult
	End *batchEnd `json:"end,omitempty"`
}

// putDevices answers a batch.
func (s *Server) putDevices(w http.ResponseWriter, r *http.Request) {
	req, err := parse(r, []string{"dryRun"})
	var o BatchOptions
	if err == nil {
		o.DryRun, err = req.boolean("dryRun")
	}
	out := http.NewResponseController(w)
	if duplex := out.EnableFullDuplex(); err == nil && !errors.Is(duplex, http.ErrNotSupported) {
		err = duplex // the answer begins before the request ends
	}
	if err != nil {
		writeProblem(w, ProblemOf(err))
		return
	}
	w.Header().Set("Content-Type", batchMedia)
	w.WriteHeader(http.StatusOK)
	_ = out.Flush()

	lines := batchLines{in: bufio.NewReaderSize(r.Body, 64<<10)}
	queue := newAnswerQueue(w, out.Flush)
	defer queue.close()
	answer := bufio.NewWriterSize(queue, 64<<10)
	encoder := json.NewEncoder(answer)
	rows := 0
	err = s.api.PutDevices(r.Context(), o, lines.rows(), func(result BatchResult) error {
		rows++
		err := encoder.Encode(result)
		if rows%batchRows == 0 {
			err = errors.Join(err, answer.Flush())
		}
		return err
	})
	switch {
	case err == nil:
		err = lines.err
	case r.Context().Err() != nil:
		err = errors.New("it is being stopped") // or the client is gone, and reads nothing
	}
	end := &batchEnd{Rows: rows}
	if err != nil {
		problem := ProblemOf(err)
		end.Problem = &problem
	}
	_ = encoder.Encode(struct {
		End *batchEnd `json:"end"`
	}{end})
	_ = answer.Flush()
	caller := callerOf(r.Context())
	s.log.LogAttrs(r.Context(), slog.LevelInfo, "administration",
		slog.String("method", r.Method), slog.String("path", r.URL.Path), slog.Int("rows", rows), slog.Bool("dry_run", o.DryRun),
		slog.Int("uid", caller.UID), slog.Int("pid", caller.PID), slog.Bool("done", err == nil))
}

// batchLines are the rows of a request. Err is what ended them, nil for their end; it may be
// read when they have ended.
type batchLines struct {
	in  *bufio.Reader
	err error
}

func (l *batchLines) rows() iter.Seq[BatchRow] {
	return func(yield func(BatchRow) bool) {
		for n := 1; ; n++ {
			var row BatchRow
			text, err := l.line()
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = decodeObject(text, &row)
			}
			if err != nil {
				l.err = fmt.Errorf("row %d: %w", n, err)
				return
			}
			if !yield(row) {
				return
			}
		}
	}
}

// line returns the next line that is not empty, of maxBody bytes at most.
func (l *batchLines) line() ([]byte, error) {
	var long []byte
	for {
		part, err := l.in.ReadSlice('\n')
		switch {
		case len(long)+len(part) > maxBody:
			return nil, fmt.Errorf("%w: it has more than %d bytes", errTooLarge, maxBody)
		case errors.Is(err, bufio.ErrBufferFull):
			long = append(long, part...)
			continue
		case errors.Is(err, io.EOF) && len(long)+len(bytes.TrimSpace(part)) > 0:
			err = nil
		case err != nil:
			return nil, err
		}
		if long != nil {
			part = append(long, part...)
			long = nil
		}
		if len(bytes.TrimSpace(part)) > 0 {
			return part, err
		}
	}
}

// PutDevices implements [API].
func (c *Client) PutDevices(ctx context.Context, o BatchOptions, rows iter.Seq[BatchRow], each func(BatchResult) error) error {
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://lwbs"+withQuery("/v1/devices", "dryRun", flag(o.DryRun)), body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", batchMedia)
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
func writeRows(to io.Writer, rows iter.Seq[BatchRow]) error {
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
func readResults(from io.Reader, each func(BatchResult) error) error {
	lines := json.NewDecoder(from)
	for {
		var line batchLine
		if err := lines.Decode(&line); err != nil {
			return fmt.Errorf("the server's answer ends before all rows were put: %w", err)
		}
		switch {
		case line.End != nil && line.End.Problem != nil:
			return line.End.Problem.err()
		case line.End != nil:
			return nil
		}
		if err := each(line.BatchResult); err != nil {
			return err
		}
	}
}
