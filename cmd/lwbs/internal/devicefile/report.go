package devicefile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/output"
)

// A report tells what became of each row.
type report struct {
	out     io.Writer
	file    string
	dry     bool
	json    bool
	any     bool // a row was told in JSON
	summary map[admin.BatchOutcome]int
	told    int // refused rows that were told to people one by one

	warnings map[string]*repeated // by their text
	order    []string             // of warnings
}

// A repeated is a warning of several rows.
type repeated struct{ line, rows int }

// Limits of what is told to people.
const (
	maxTold     = 20  // refused rows, one by one
	maxWarnings = 100 // different warnings
)

// A rowResult is a row in JSON.
type rowResult struct {
	Line     int                `json:"line"`
	Endpoint string             `json:"endpoint,omitempty"`
	Outcome  admin.BatchOutcome `json:"outcome"`
	Error    string             `json:"error,omitempty"`
	Warnings []string           `json:"warnings,omitempty"`
}

func newReport(o Options) (*report, error) {
	r := &report{out: o.Out, file: o.File, dry: o.DryRun, json: o.JSON, summary: make(map[admin.BatchOutcome]int), warnings: make(map[string]*repeated)}
	if !r.json {
		return r, nil
	}
	_, err := fmt.Fprintf(r.out, "{\n  \"dryRun\": %t,\n  \"rows\": [", r.dry)
	return r, err
}

func (r *report) add(row *Row, result admin.BatchResult) error {
	r.summary[result.Outcome]++
	if r.json {
		return r.addJSON(rowResult{row.line, row.name(), result.Outcome, result.Error, result.Warnings})
	}
	where := fmt.Sprintf("%s:%d", output.Text(r.file), row.line)
	if name := row.name(); name != "" {
		where += ": " + output.Name(name)
	}
	if result.Error != "" {
		if r.told++; r.told <= maxTold {
			fmt.Fprintf(r.out, "%s: refused: %s\n", where, result.Error)
		}
	}
	for _, w := range result.Warnings {
		r.warn(row.line, w)
	}
	return nil
}

// warn notes a warning, which is told once however many rows have it.
func (r *report) warn(line int, warning string) {
	if known := r.warnings[warning]; known != nil {
		known.rows++
		return
	}
	if len(r.order) < maxWarnings {
		r.warnings[warning] = &repeated{line, 1}
		r.order = append(r.order, warning)
	}
}

// addJSON prints a row, in a line of its own.
func (r *report) addJSON(row rowResult) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(row); err != nil {
		return err
	}
	separator := ","
	if !r.any {
		separator, r.any = "", true
	}
	_, err := fmt.Fprintf(r.out, "%s\n    %s", separator, bytes.TrimSpace(b.Bytes()))
	return err
}

// end prints the sum.
func (r *report) end() error {
	if r.json {
		sum, err := json.Marshal(r.sum())
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(r.out, "\n  ],\n  \"summary\": %s\n}\n", sum)
		return err
	}
	if more := r.told - maxTold; more > 0 {
		fmt.Fprintf(r.out, "and %d more refused: --json tells all\n", more)
	}
	for _, warning := range r.order {
		w, more := r.warnings[warning], ""
		if w.rows > 1 {
			more = fmt.Sprintf(" (and %d more)", w.rows-1)
		}
		fmt.Fprintf(r.out, "%s:%d%s: warning: %s\n", output.Text(r.file), w.line, more, warning)
	}
	sum, did := r.sum(), ""
	if r.dry {
		did = "would be "
	}
	_, err := fmt.Fprintf(r.out, "%s: %d %sadded, %d %schanged, %d the same, %d refused\n", output.Counted(r.rows(), "row", "rows"),
		sum[admin.BatchAdded], did, sum[admin.BatchChanged], did, sum[admin.BatchSame], sum[admin.BatchRefused])
	return err
}

// sum has every outcome.
func (r *report) sum() map[admin.BatchOutcome]int {
	out := map[admin.BatchOutcome]int{admin.BatchAdded: 0, admin.BatchChanged: 0, admin.BatchSame: 0, admin.BatchRefused: 0}
	maps.Copy(out, r.summary)
	return out
}

func (r *report) rows() (n int) {
	for _, count := range r.summary {
		n += count
	}
	return n
}
