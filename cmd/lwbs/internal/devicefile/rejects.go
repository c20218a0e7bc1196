package devicefile

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"lwbs/bootstrap/admin"
)

// rejects keeps the rows that are refused, with the line and the reason of each, in a table that
// can be mended and imported. A nil rejects keeps none.
type rejects struct {
	file     string
	headings []string
	comma    rune
	out      *os.File // nil until a row is kept
	table    *csv.Writer
}

// newRejects returns nil where no file is named, or s is no table.
func newRejects(file string, s *Source) *rejects {
	if file == "" || s.headings == nil {
		return nil
	}
	return &rejects{file: file, headings: s.headings, comma: s.separator}
}

func (r *rejects) add(row *Row, result admin.BatchResult) error {
	if r == nil || result.Outcome != admin.BatchRefused {
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
