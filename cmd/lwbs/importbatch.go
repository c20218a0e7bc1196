package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lwbs/bootstrap/admin"
)

// A rowSource is a file of devices, read a row at a time.
type rowSource interface {
	// next returns the next row; its error is io.EOF at the end, else the rest cannot be read.
	next() (*importRow, error)
	offset() int64 // bytes read so far
}

// A rowImport puts the rows of one file. Memory does not grow with the file, but for 40 bytes a
// row, by which rows for the same device are found.
type rowImport struct {
	source   rowSource
	size     int64 // of the file, in bytes; zero where it is not known
	complete func(*importRow)
	dry      bool
	rejects  *rejects // nil where they are not kept
	report   *rowReport
	progress *progress

	mu    sync.Mutex
	queue []*importRow // rows that have no result yet, in their order; guarded by mu
	err   error        // that ended the source; guarded by mu

	seed maphash.Seed
	seen map[uint64]int32 // of names and identities: the line
}

// run puts all rows.
func (im *rowImport) run(ctx context.Context, api admin.API) error {
	im.seed, im.seen = maphash.MakeSeed(), make(map[uint64]int32)
	err := api.PutDevices(ctx, admin.BatchOptions{DryRun: im.dry}, im.rows, func(r admin.BatchResult) error {
		return im.settle(&r)
	})
	if err == nil {
		err = im.settle(nil) // those behind the last that was sent
	}
	im.progress.end()
	return errors.Join(err, im.err, im.rejects.close(), im.report.end())
}

// rows yields those that can be sent.
func (im *rowImport) rows(yield func(admin.BatchRow) bool) {
	for {
		row, err := im.source.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				im.mu.Lock()
				im.err = err
				im.mu.Unlock()
			}
			return
		}
		if row.err == nil {
			if im.complete != nil {
				im.complete(row)
			}
			row.err = im.twice(row)
		}
		im.mu.Lock()
		im.queue = append(im.queue, row)
		im.mu.Unlock()
		im.progress.offset.Store(im.source.offset())
		if row.err == nil && !yield(admin.BatchRow{Row: row.line, Endpoint: row.endpoint, Settings: row.settings}) {
			return
		}
	}
}

// twice reports a row for the same device, or with the same identity, as one before.
func (im *rowImport) twice(row *importRow) error {
	for _, key := range []struct{ what, text string }{{"endpoint name", string(row.endpoint)}, {"PSK identity", row.identity()}} {
		if key.text == "" {
			continue
		}
		hash := maphash.String(im.seed, key.what+"\x00"+key.text)
		if line, found := im.seen[hash]; found {
			return fmt.Errorf("line %d has the same %s, %s", line, key.what, name(key.text))
		}
		im.seen[hash] = int32(row.line)
	}
	return nil
}

// settle reports the rows up to the one that r is about, all where that is nil.
func (im *rowImport) settle(r *admin.BatchResult) error {
	for {
		im.mu.Lock()
		if len(im.queue) == 0 {
			im.mu.Unlock()
			return nil
		}
		row := im.queue[0]
		im.queue[0] = nil
		im.queue = im.queue[1:]
		im.mu.Unlock()
		result := admin.BatchResult{Row: row.line, Outcome: admin.BatchRefused}
		switch {
		case row.err != nil:
			result.Error = row.err.Error()
		case r != nil:
			result = *r
		default:
			continue // it has no result, and the error of the batch tells why
		}
		if result.Warnings = append(row.warnings, result.Warnings...); result.Outcome == admin.BatchRefused {
			result.Warnings = nil
		}
		im.progress.row()
		if err := errors.Join(im.report.add(row, result), im.rejects.add(row, result)); err != nil {
			return err
		}
		if r != nil && row.err == nil {
			return nil
		}
	}
}

// A rowReport tells what became of each row.
type rowReport struct {
	out      io.Writer
	file     string
	dry      bool
	json     *jsonList // nil for people
	summary  map[admin.BatchOutcome]int
	told     int // refusals and warnings that were told
	warnings int
}

// maxTold is how many refused rows and warnings are told to people one by one.
const maxTold = 20

// A rowResult is a row in JSON.
type rowResult struct {
	Line     int                `json:"line"`
	Endpoint string             `json:"endpoint,omitempty"`
	Outcome  admin.BatchOutcome `json:"outcome"`
	Error    string             `json:"error,omitempty"`
	Warnings []string           `json:"warnings,omitempty"`
}

func newRowReport(out io.Writer, file string, dry, inJSON bool) (*rowReport, error) {
	r := &rowReport{out: out, file: file, dry: dry, summary: make(map[admin.BatchOutcome]int)}
	if !inJSON {
		return r, nil
	}
	r.json = &jsonList{out: out}
	_, err := fmt.Fprintf(out, "{\"dryRun\": %t, \"rows\": ", dry)
	return r, err
}

func (r *rowReport) add(row *importRow, result admin.BatchResult) error {
	r.summary[result.Outcome]++
	r.warnings += len(result.Warnings)
	if r.json != nil {
		return r.json.add(rowResult{row.line, string(row.endpoint), result.Outcome, result.Error, result.Warnings})
	}
	where := fmt.Sprintf("%s:%d", text(r.file), row.line)
	if row.endpoint != "" {
		where += ": " + name(string(row.endpoint))
	}
	if result.Error != "" {
		r.tell("%s: refused: %s", where, result.Error)
	}
	for _, w := range result.Warnings {
		r.tell("%s: warning: %s", where, w)
	}
	return nil
}

func (r *rowReport) tell(format string, args ...any) {
	if r.told++; r.told <= maxTold {
		fmt.Fprintf(r.out, format+"\n", args...)
	}
}

// end prints the sum.
func (r *rowReport) end() error {
	if r.json != nil {
		err := r.json.end()
		_, err2 := io.WriteString(r.out, ", \"summary\": ")
		b, err3 := json.Marshal(r.sum())
		_, err4 := fmt.Fprintf(r.out, "%s}\n", b)
		return errors.Join(err, err2, err3, err4)
	}
	if more := r.told - maxTold; more > 0 {
		fmt.Fprintf(r.out, "and %d more of these: --json tells all\n", more)
	}
	sum, did := r.sum(), ""
	if r.dry {
		did = "would be "
	}
	_, err := fmt.Fprintf(r.out, "%s: %d %sadded, %d %schanged, %d the same, %d refused\n", counted(r.rows(), "row", "rows"),
		sum[admin.BatchAdded], did, sum[admin.BatchChanged], did, sum[admin.BatchSame], sum[admin.BatchRefused])
	return err
}

// sum has every outcome.
func (r *rowReport) sum() map[admin.BatchOutcome]int {
	out := map[admin.BatchOutcome]int{admin.BatchAdded: 0, admin.BatchChanged: 0, admin.BatchSame: 0, admin.BatchRefused: 0}
	maps.Copy(out, r.summary)
	return out
}

func (r *rowReport) rows() (n int) {
	for _, count := range r.summary {
		n += count
	}
	return n
}

// failed is the error of a command that has refused rows; nil where it has not.
func (r *rowReport) failed(rejected string) error {
	n := r.summary[admin.BatchRefused]
	switch {
	case n == 0:
		return nil
	case rejected != "":
		return fmt.Errorf("%d of %s refused: they are in %s; mend them there, and import it", n, counted(r.rows(), "row", "rows"), text(rejected))
	}
	return fmt.Errorf("%d of %s refused; --rejects FILE keeps such rows to be mended", n, counted(r.rows(), "row", "rows"))
}

// rejects keeps the rows that are refused, with the line and the reason of each, in a table that
// can be mended and imported. A nil rejects keeps none.
type rejects struct {
	file     string
	headings []string
	comma    rune
	out      *os.File
	table    *csv.Writer
}

func (r *rejects) add(row *importRow, result admin.BatchResult) error {
	if r == nil || result.Outcome != admin.BatchRefused || r.headings == nil {
		return nil
	}
	if r.out == nil {
		f, err := os.OpenFile(r.file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("keep refused rows: %w", err)
		}
		r.out, r.table = f, csv.NewWriter(f)
		r.table.Comma = r.comma
		if err := r.table.Write(append(r.without(r.headings), resultColumns...)); err != nil {
			return err
		}
	}
	return r.table.Write(append(r.without(row.cells), strconv.Itoa(row.line), result.Error))
}

// without are the cells of a row without those of an earlier result, as many as headings.
func (r *rejects) without(cells []string) (out []string) {
	for i, heading := range r.headings {
		switch {
		case slices.Contains(resultColumns, strings.ToLower(heading)):
		case i < len(cells):
			out = append(out, cells[i])
		default:
			out = append(out, "")
		}
	}
	return out
}

// kept reports whether there is such a row.
func (r *rejects) kept() bool { return r != nil && r.out != nil }

func (r *rejects) close() error {
	if !r.kept() {
		return nil
	}
	r.table.Flush()
	return errors.Join(r.table.Error(), r.out.Close())
}

// progress shows on a terminal how far an import is.
type progress struct {
	out    io.Writer // nil where it is not shown
	size   int64
	offset atomic.Int64
	began  time.Time
	shown  time.Time
	rows   int
}

// progressEvery is how often it is shown.
const progressEvery = 500 * time.Millisecond

func (p *progress) row() {
	p.rows++
	if p.out == nil || time.Since(p.shown) < progressEvery {
		return
	}
	p.shown = time.Now()
	took := time.Since(p.began)
	line := fmt.Sprintf("%d rows, %.0f a second", p.rows, float64(p.rows)/took.Seconds())
	if at := p.offset.Load(); p.size > 0 && at > 0 && at < p.size {
		left := time.Duration(float64(took) * float64(p.size-at) / float64(at))
		line += fmt.Sprintf(", %d %%, %v left", 100*at/p.size, left.Round(time.Second))
	}
	fmt.Fprintf(p.out, "\r%-60s", line)
}

func (p *progress) end() {
	if p.out != nil && !p.shown.IsZero() {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", 60))
	}
}
