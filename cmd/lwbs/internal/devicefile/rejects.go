package devicefile

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"lwbs/bootstrap/admin"
	"lwbs/cmd/lwbs/internal/newfile"
)

// rejects keeps the rows that are refused, with the line and the reason of each, in a table that
// can be mended and imported. A nil rejects keeps none.
type rejects struct {
	file     string // empty where out is a writer of the caller
	headings []string
	out      io.WriteCloser
	table    *csv.Writer
	rows     int
}

// newRejects creates the file, so that one that exists is told before anything is put. It returns
// nil where no file is named, or s is no table. A dry run keeps none, and tells one that exists.
func newRejects(o Options, s *Source) (*rejects, error) {
	if o.Rejects == "" && o.RejectsTo == nil || s.headings == nil {
		return nil, nil
	}
	if o.RejectsTo != nil {
		return tableOfRejects("", unclosed{o.RejectsTo}, s)
	}
	if o.DryRun {
		if _, err := os.Lstat(o.Rejects); err == nil {
			return nil, fmt.Errorf("keep refused rows: %w", &os.PathError{Op: "open", Path: o.Rejects, Err: syscall.EEXIST})
		}
		return nil, nil
	}
	f, err := newfile.Create(o.Rejects)
	if err != nil {
		return nil, fmt.Errorf("keep refused rows: %w", err)
	}
	return tableOfRejects(o.Rejects, f, s)
}

// tableOfRejects begins the table.
func tableOfRejects(file string, out io.WriteCloser, s *Source) (*rejects, error) {
	r := &rejects{file: file, headings: s.headings, out: out, table: csv.NewWriter(out)}
	if s.separator != keySeparator { // which is that of a PSK file, and found out in no table
		r.table.Comma = s.separator
	}
	return r, errors.Join(r.table.Write(rejectHeading(s.headings)))
}

// An unclosed writer belongs to somebody else.
type unclosed struct{ io.Writer }

// Close does nothing.
func (unclosed) Close() error { return nil }

// guarded is a cell that a spreadsheet takes for text: one that it would take for a formula has an apostrophe in
// front, which [unguarded] takes off.
func guarded(cell string) string {
	if isFormula(cell) || strings.HasPrefix(cell, "'") && isFormula(strings.TrimLeft(cell, "'")) {
		return "'" + cell
	}
	return cell
}

// isFormula reports whether a spreadsheet may take a cell for a formula.
func isFormula(cell string) bool {
	return cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0]))
}

// unguarded is a cell of a table of rejects as it was in the table before.
func unguarded(cell string) string {
	if strings.HasPrefix(cell, "'") && isFormula(strings.TrimLeft(cell, "'")) {
		return cell[1:]
	}
	return cell
}

// hasResults reports whether headings are those of a table of rejects.
func hasResults(headings []string) bool {
	for _, result := range resultColumns {
		if !slices.ContainsFunc(headings, func(h string) bool { return strings.EqualFold(h, result) }) {
			return false
		}
	}
	return true
}

// rejectHeading is the first row of a file of rejects.
func rejectHeading(headings []string) []string {
	return append(withoutResults(headings, headings), resultColumns...)
}

// add keeps a row that is refused. What there are no columns for goes behind the result, so that
// the row is refused again until somebody has looked at it.
func (r *rejects) add(row *Row, result admin.BatchResult) error {
	if r == nil || result.Outcome != admin.BatchRefused {
		return nil
	}
	r.rows++
	cells := append(withoutResults(r.headings, row.cells), strconv.Itoa(row.line), result.Error)
	if len(row.cells) > len(r.headings) {
		cells = append(cells, row.cells[len(r.headings):]...)
	}
	if row.raw != "" {
		cells = append(cells, row.raw)
	}
	for i, cell := range cells {
		cells[i] = guarded(cell)
	}
	return r.table.Write(cells)
}

// withoutResults are the cells of a row without those of an earlier result, as many as headings.
func withoutResults(headings, cells []string) (out []string) {
	for i, heading := range headings {
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
func (r *rejects) kept() bool { return r != nil && r.rows > 0 }

// close ends the file, and removes it where no row is kept, or the import has failed and is to be
// repeated.
func (r *rejects) close(failed bool) error {
	if r == nil {
		return nil
	}
	r.table.Flush()
	err := errors.Join(r.table.Error(), r.out.Close())
	if r.file != "" && (r.rows == 0 || failed || err != nil) {
		err = errors.Join(err, os.Remove(r.file))
	}
	return err
}

// isRejects reports whether a text is a file of rejects of a table with these columns, which has a
// heading where the table had none.
func isRejects(text *bufio.Reader, columns []string) bool {
	head, _ := text.Peek(text.Size())
	head = bytes.TrimPrefix(head, []byte("\ufeff"))
	for _, comma := range ",;\t|" {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.Comma = comma
		if w.Write(rejectHeading(columns)) != nil {
			continue
		}
		w.Flush()
		rest, found := bytes.CutPrefix(head, bytes.TrimSpace(b.Bytes()))
		if found && (len(rest) == 0 || rest[0] == '\r' || rest[0] == '\n') {
			return true
		}
	}
	return false
}
