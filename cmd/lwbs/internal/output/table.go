package output

import (
	"io"
	"strings"
	"unicode/utf8"
)

const (
	// sampled is how many rows a table keeps to decide on the widths of its columns.
	sampled = 200

	// maxWidth is the largest width of a column, in characters. A longer cell moves the rest of its
	// own row to the right.
	maxWidth = 40
)

// A table prints rows in columns while they come. Call flush at the end.
type table struct {
	out    io.Writer
	widths []int      // nil until they are decided on
	rows   [][]string // kept until then
	err    error
}

// NewTable returns a table with headings, or without any.
func NewTable(out io.Writer, headings ...string) *table {
	t := &table{out: out}
	if len(headings) > 0 {
		t.Row(headings...)
	}
	return t
}

// Failure returns the first error so far.
func (t *table) Failure() error { return t.err }

// Row prints a row, or keeps it until the widths are known.
func (t *table) Row(cells ...string) {
	if t.widths != nil {
		t.print(cells)
		return
	}
	if t.rows = append(t.rows, cells); len(t.rows) > sampled {
		t.decide()
	}
}

// Flush prints the rows that were kept, and returns the first error of the table.
func (t *table) Flush() error {
	if t.widths == nil {
		t.decide()
	}
	return t.err
}

func (t *table) decide() {
	t.widths = []int{}
	for _, cells := range t.rows {
		for len(t.widths) < len(cells) {
			t.widths = append(t.widths, 0)
		}
		for i, cell := range cells {
			if n := utf8.RuneCountInString(cell); n <= maxWidth {
				t.widths[i] = max(t.widths[i], n)
			}
		}
	}
	for _, cells := range t.rows {
		t.print(cells)
	}
	t.rows = nil
}

func (t *table) print(cells []string) {
	var line strings.Builder
	for i, cell := range cells {
		line.WriteString(cell)
		if i < len(cells)-1 {
			line.WriteString(strings.Repeat(" ", max(0, t.widths[i]-utf8.RuneCountInString(cell))+2))
		}
	}
	line.WriteByte('\n')
	if _, err := io.WriteString(t.out, line.String()); t.err == nil {
		t.err = err
	}
}
