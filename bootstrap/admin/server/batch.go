package server

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/wire"
)

// flushRows is after how many results the answer so far is sent.
const flushRows = 256

// putDevices answers a batch.
func (s *Server) putDevices(w http.ResponseWriter, r *http.Request) {
	req, err := parse(r, []string{"dryRun"})
	var o admin.BatchOptions
	if err == nil {
		o.DryRun, err = req.boolean("dryRun")
	}
	out := http.NewResponseController(w)
	if duplex := out.EnableFullDuplex(); err == nil && !errors.Is(duplex, http.ErrNotSupported) {
		err = duplex // the answer begins before the request ends
	}
	if err != nil {
		writeProblem(w, wire.ProblemOf(err))
		return
	}
	w.Header().Set("Content-Type", wire.BatchMedia)
	w.WriteHeader(http.StatusOK)
	_ = out.Flush()

	lines := batchLines{in: bufio.NewReaderSize(r.Body, 64<<10)}
	queue := newAnswerQueue(w, out.Flush)
	defer queue.close()
	answer := bufio.NewWriterSize(queue, 64<<10)
	encoder := json.NewEncoder(answer)
	rows := 0
	err = s.api.PutDevices(r.Context(), o, lines.rows(), func(result admin.BatchResult) error {
		rows++
		err := encoder.Encode(result)
		if rows%flushRows == 0 {
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
	end := &wire.BatchEnd{Rows: rows}
	if err != nil {
		problem := wire.ProblemOf(err)
		end.Problem = &problem
	}
	_ = encoder.Encode(struct {
		End *wire.BatchEnd `json:"end"`
	}{end})
	_ = answer.Flush()
	s.note(r, slog.Int("rows", rows), slog.Bool("dry_run", o.DryRun), slog.Bool("done", err == nil))
}

// batchLines are the rows of a request. Err is what ended them, nil for their end; it may be
// read when they have ended.
type batchLines struct {
	in  *bufio.Reader
	err error
}

func (l *batchLines) rows() iter.Seq[admin.BatchRow] {
	return func(yield func(admin.BatchRow) bool) {
		for n := 1; ; n++ {
			var row admin.BatchRow
			text, err := l.line()
			if errors.Is(err, io.EOF) {
				return
			}
			if err == nil {
				err = wire.Unmarshal(text, &row)
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
			return nil, fmt.Errorf("%w: it has more than %d bytes", wire.ErrTooLarge, maxBody)
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
