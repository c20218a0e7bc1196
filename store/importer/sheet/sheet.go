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
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"lwbs/lwm2m/filekind"
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

	// Lines before those that in reads, which is another one behind a row that could not be read.
	lines int
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
		if other, is := r.otherSeparator(cells); is {
			return Row{}, &Error{Line: line, Cells: cells, Reason: fmt.Sprintf("its cells are separated by %s, and those of the first row by %s", called(other), called(r.Separator))}
		}
		for len(cells) < len(r.Columns) {
			cells = append(cells, "")
		}
		return Row{line, cells, r}, nil
	}
	return Row{}, io.EOF
}

// otherSeparator reports whether a row is one of another table: one cell, which another separator would divide
// into as many as there are columns.
func (r *Reader) otherSeparator(cells []string) (other rune, is bool) {
	if len(cells) != 1 || len(r.Columns) < 2 {
		return 0, false
	}
	for _, other := range separators {
		if other != r.Separator && strings.Count(cells[0], string(other)) == len(r.Columns)-1 {
			return other, true
		}
	}
	return 0, false
}

// record reads a row of any length.
func (r *Reader) record() ([]string, error) {
	r.rows.begin()
	cells, err := r.in.Read()
	var parse *csv.ParseError
	switch {
	case errors.Is(err, errLongRow):
		return nil, r.longRow()
	case errors.As(err, &parse):
		parse.StartLine, parse.Line = r.lines+parse.StartLine, r.lines+parse.Line
		wrong := quoteError(parse, r.rows.row)
		if parse.Line > parse.StartLine {
			r.unread() // where the lines behind are rows of their own
		}
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
func quoteError(parse *csv.ParseError, row []byte) *Error {
	e := &Error{Line: parse.StartLine, Column: parse.Column, Reason: "a quote stands within a cell: write it twice, and put the cell into quotes"}
	if errors.Is(parse.Err, csv.ErrQuote) {
		e.Reason = "a cell goes on behind the quote that closes it: write a quote in a cell twice"
		switch text := bytes.TrimRight(row, "\r\n"); {
		case parse.Line > parse.StartLine:
			e.Column, e.Reason = 0, fmt.Sprintf("a quote that is opened here is not closed before line %d", parse.Line)
		case parse.Column > len(text) && bytes.Count(text, []byte(`"`))%2 == 1: // the table ends
			e.Column, e.Reason = 0, "a quote that is opened here is not closed"
		}
	}
	return e
}

// longRow goes to the row behind one that is too long: of its lines those that are rows of their own, where
// the quote of the first is not closed, else behind its end.
func (r *Reader) longRow() *Error {
	wrong := &Error{Line: r.lines + 1 + r.before(), Reason: fmt.Sprintf("the row has more than %d bytes", maxRow)}
	switch {
	case slices.Contains(r.rows.row, '\n') && r.unread():
		wrong.Reason = fmt.Sprintf("a quote that is opened here is not closed in the next %d bytes", maxRow)
		wrong.Raw = strings.TrimRight(string(r.rows.row), "\r\n")
	case r.rows.skip(bytes.Count(r.rows.row, []byte(`"`))%2 == 1):
		r.begin()
	default:
		wrong.Last, wrong.Reason = true, fmt.Sprintf("the row has more than %d bytes, and what is behind it was not read: is a quote not closed?", maxSkipped)
	}
	return wrong
}

// before is how many lines the rows before the last one have, of those that in reads.
func (r *Reader) before() int {
	return r.rows.lines - r.lines - bytes.Count(r.rows.row, []byte("\n"))
}

// looked is how many lines are looked at to find out whether they are rows.
const looked = 10

// unread gives back the lines of a row behind its first where they are rows of their own: each that is looked
// at has as many cells as there are columns, which lines of a cell do not have.
func (r *Reader) unread() bool {
	first := bytes.IndexByte(r.rows.row, '\n') + 1
	rest := r.rows.row[first:]
	n := 0
	for line := range bytes.Lines(rest) {
		if n == looked || n > 0 && line[len(line)-1] != '\n' {
			break
		}
		one := csv.NewReader(bytes.NewReader(line))
		one.Comma, one.FieldsPerRecord = r.Separator, -1
		if cells, err := one.Read(); err != nil || len(cells) != len(r.Columns) || len(cells) < 2 {
			return false
		}
		n++
	}
	if n == 0 {
		return false
	}
	r.rows.unread(rest)
	r.rows.row = r.rows.row[:first]
	r.begin()
	return true
}

// Offset is how many bytes of the text, in UTF-8, were read so far.
func (r *Reader) Offset() int64 { return r.rows.total - int64(len(r.rows.again)) }

// bounded limits how much is read for one row.
type bounded struct {
	in    *bufio.Reader
	again []byte // what was given back, and is read before in
	left  int    // bytes for this row
	lines int
	total int64  // bytes that were read from in
	row   []byte // what was read for this row
}

// begin begins a row.
func (b *bounded) begin() { b.left, b.row = maxRow, b.row[:0] }

// unread gives back the end of the row.
func (b *bounded) unread(rest []byte) {
	b.again = slices.Concat(rest, b.again)
	b.lines -= bytes.Count(rest, []byte("\n"))
}

// skip goes behind the row, and reports false where that is too far away. Quoted is whether it is within
// quotes so far.
func (b *bounded) skip(quoted bool) bool {
	for n := 0; n < maxSkipped; {
		text, err := b.line(maxRow)
		if len(text) == 0 && err != nil {
			return !quoted // the end of the table
		}
		n += len(text)
		if bytes.Count(text, []byte(`"`))%2 == 1 {
			quoted = !quoted
		}
		if text[len(text)-1] == '\n' && !quoted {
			return true
		}
	}
	return false
}

var errLongRow = errors.New("the row is too long")

// Read implements [io.Reader]. It returns single lines, so that nothing is read ahead of a row.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errLongRow
	}
	line, err := b.line(len(p))
	n := copy(p, line)
	b.row = append(b.row, line...)
	b.left -= n
	return n, err
}

// line returns the next line, or as much of it as there is at hand, at most most bytes. It ends with the next
// call. The error is one of no bytes.
func (b *bounded) line(most int) ([]byte, error) {
	end := func(text []byte) []byte {
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			b.lines++
			return text[:i+1]
		}
		return text
	}
	if len(b.again) > 0 {
		text := end(b.again[:min(len(b.again), most)])
		b.again = b.again[len(text):]
		return text, nil
	}
	if text, err := b.in.Peek(1); len(text) == 0 {
		return nil, err
	}
	text, _ := b.in.Peek(min(b.in.Buffered(), most))
	text = end(text)
	_, _ = b.in.Discard(len(text))
	b.total += int64(len(text))
	return text, nil
}
