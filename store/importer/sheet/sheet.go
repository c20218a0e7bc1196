// Package sheet reads tables of text as spreadsheets and other tools write them: CSV with a
// comma, semicolon, tab or vertical bar, in UTF-8 or UTF-16, with a byte order mark or without, with line
// ends of one or two characters, also within quotes. It reads a row at a time, so that a
// table may be of any size, and knows the line and column of each cell.
//
// RFC 4180 is taken as far as it goes; what spreadsheets write beyond it, such as another
// separator, is found out.
package sheet

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"lwbs/store/importer/filekind"
)

// maxRow is the largest row, in bytes, and maxColumns how many cells it has at most.
const (
	maxRow     = 1 << 20
	maxColumns = 1000

	// maxSkipped is how much of a longer row is gone over, in bytes, to come to the next.
	maxSkipped = 64 << 20
)

// Options say what a table does not tell by itself.
type Options struct {
	// Separator stands between cells; zero finds it out from the first line.
	Separator rune

	// Columns are the names of the columns of a table without a heading; nil where its first
	// row is one.
	Columns []string
}

// A Reader reads one table. It is not for concurrent use.
type Reader struct {
	// Columns are the headings, without white space around them.
	Columns []string

	// Separator is the one that was given or found.
	Separator rune

	in   *csv.Reader
	rows *bounded
	done bool

	// Lines and bytes before those that in reads, which is another one behind a row that is too long.
	lines  int
	offset int64
}

// A Row is one row of a table.
type Row struct {
	Line  int      // that it begins in, from 1
	Cells []string // as many as there are columns; they end with the next row
	in    *Reader
}

// Position is where in the file a cell begins: its line and column, from 1; the column counts
// bytes.
func (r Row) Position(cell int) (line, column int) { return r.in.fieldPos(cell) }

func (r *Reader) fieldPos(cell int) (line, column int) {
	line, column = r.in.FieldPos(cell)
	return r.lines + line, column
}

// An Error is a mistake in one row. The rows behind it can be read, unless Last is set.
type Error struct {
	Line   int
	Column int // of bytes, from 1; zero for the whole row
	Reason string
	Last   bool
	Cells  []string // of the row, as far as they were read
	Raw    string   // its text where its cells could not be read; empty where it has no end
}

// Cause is the mistake without the line, for those who tell that themselves.
func (e *Error) Cause() error {
	if e.Column == 0 {
		return errors.New(e.Reason)
	}
	return fmt.Errorf("character %d: %s", e.Column, e.Reason)
}

func (e *Error) Error() string {
	if e.Column == 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Reason)
}

// NewReader reads the heading of a table. Its errors say what the file is where it is no table.
func NewReader(in io.Reader, o Options) (*Reader, error) {
	text, err := Text(in)
	if err != nil {
		return nil, err
	}
	if head, _ := text.Peek(text.Size()); filekind.JSON(head) {
		return nil, errors.New("it is JSON and no table: lwbs import jsonl, leshan or dps may read it")
	}
	if o.Separator == 0 {
		if o.Separator, err = separatorOf(text); err != nil {
			return nil, err
		}
	}
	r := &Reader{Separator: o.Separator, rows: &bounded{in: text}}
	r.begin()
	r.Columns = slices.Clone(o.Columns)
	if o.Columns == nil {
		if r.Columns, err = r.heading(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// begin begins with the next line.
func (r *Reader) begin() {
	if r.in != nil {
		r.offset += r.in.InputOffset()
	}
	r.lines, r.in = r.rows.lines, csv.NewReader(r.rows)
	r.in.Comma, r.in.FieldsPerRecord, r.in.ReuseRecord = r.Separator, -1, true
}

// heading reads the names of the columns.
func (r *Reader) heading() ([]string, error) {
	cells, err := r.record()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("it is empty")
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, cell := range cells {
		names = append(names, strings.TrimSpace(strings.Clone(cell)))
	}
	for len(names) > 1 && names[len(names)-1] == "" { // as spreadsheets leave them behind
		names = names[:len(names)-1]
	}
	for i, name := range names {
		if name == "" {
			return nil, fmt.Errorf("line 1: column %d of %d has no heading", i+1, len(names))
		}
	}
	return names, nil
}

// Next returns the next row that is not empty, io.EOF at the end. The error is an [*Error]
// where the row is at fault.
func (r *Reader) Next() (Row, error) {
	for !r.done {
		cells, err := r.record()
		if err != nil {
			var wrong *Error
			r.done = !errors.As(err, &wrong) || wrong.Last
			return Row{}, err
		}
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) != "" }) {
			continue
		}
		line, _ := r.fieldPos(0)
		for len(cells) > len(r.Columns) && strings.TrimSpace(cells[len(cells)-1]) == "" {
			cells = cells[:len(cells)-1]
		}
		if len(cells) > len(r.Columns) {
			return Row{}, &Error{Line: line, Cells: cells, Reason: fmt.Sprintf("it has %d cells, and there are %d columns: put a cell with %s in it into quotes", len(cells), len(r.Columns), called(r.Separator))}
		}
		if i := slices.IndexFunc(cells, func(c string) bool { return !utf8.ValidString(c) }); i >= 0 {
			line, column := r.fieldPos(i)
			return Row{}, &Error{Line: line, Column: column, Cells: cells, Reason: "it is not UTF-8: save the table as \"CSV UTF-8\""}
		}
		for len(cells) < len(r.Columns) {
			cells = append(cells, "")
		}
		return Row{line, cells, r}, nil
	}
	return Row{}, io.EOF
}

// record reads a row of any length.
func (r *Reader) record() ([]string, error) {
	r.rows.begin()
	cells, err := r.in.Read()
	var parse *csv.ParseError
	switch {
	case errors.Is(err, errLongRow) && slices.Contains(r.rows.row, '\n'):
		return nil, &Error{Line: r.rows.lines + 1, Last: true, Reason: fmt.Sprintf("the row has more than %d bytes: is a quote not closed? What is behind it was not read", maxRow)}
	case errors.Is(err, errLongRow):
		wrong := &Error{Line: r.rows.lines + 1, Reason: fmt.Sprintf("the row has more than %d bytes", maxRow)}
		skipped, ok := r.rows.skip()
		if !ok {
			wrong.Last, wrong.Reason = true, fmt.Sprintf("the row has more than %d bytes, and what is behind it was not read", maxSkipped)
		}
		r.offset += skipped
		r.begin()
		return nil, wrong
	case errors.As(err, &parse):
		parse.StartLine, parse.Line = r.lines+parse.StartLine, r.lines+parse.Line
		wrong := quoteError(parse)
		wrong.Raw = strings.TrimRight(string(r.rows.row), "\r\n")
		return nil, wrong
	case err != nil:
		return nil, err
	case len(cells) > maxColumns:
		line, _ := r.fieldPos(0)
		return nil, &Error{Line: line, Reason: fmt.Sprintf("it has %d cells, and a table may have %d columns", len(cells), maxColumns)}
	}
	return cells, nil
}

// quoteError says what is wrong with the quotes of a row.
func quoteError(parse *csv.ParseError) *Error {
	e := &Error{Line: parse.StartLine, Column: parse.Column, Reason: "a quote stands within a cell: write it twice, and put the cell into quotes"}
	if errors.Is(parse.Err, csv.ErrQuote) {
		e.Reason = "a cell goes on behind the quote that closes it: write a quote in a cell twice"
		if parse.Line > parse.StartLine {
			e.Column, e.Reason = 0, fmt.Sprintf("a quote that is opened here is not closed before line %d", parse.Line)
		}
	}
	return e
}

// Offset is how many bytes of the text, in UTF-8, were read so far.
func (r *Reader) Offset() int64 { return r.offset + r.in.InputOffset() }

// bounded limits how much is read for one row.
type bounded struct {
	in    *bufio.Reader
	left  int // bytes for this row
	lines int
	row   []byte // what was read for this row
}

// begin begins a row.
func (b *bounded) begin() { b.left, b.row = maxRow, b.row[:0] }

// skip goes to the end of the line, and returns how many bytes that were; ok is false where it is
// too far away.
func (b *bounded) skip() (n int64, ok bool) {
	for n < maxSkipped {
		text, err := b.in.ReadSlice('\n')
		n += int64(len(text))
		if err == nil {
			b.lines++
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return n, true
		}
	}
	return n, false
}

var errLongRow = errors.New("the row is too long")

// Read implements [io.Reader]. It returns single lines, so that little is read ahead of a row.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRow
	}
	line, err := b.in.Peek(1)
	if len(line) == 0 {
		return 0, err
	}
	line, _ = b.in.Peek(min(b.in.Buffered(), len(p)))
	if i := slices.Index(line, '\n'); i >= 0 {
		line = line[:i+1]
		b.lines++
	}
	n := copy(p, line)
	b.row = append(b.row, line[:n]...)
	_, _ = b.in.Discard(n)
	b.left -= n
	return n, nil
}
