package devicefile

import (
	"bufio"
	"io"
	"slices"

	"lwbs/store/importer/sheet"
)

// A Source is a file of devices. It is read once.
type Source struct {
	rows rows

	// Of a table; nil and zero for others.
	columns   *columnMap
	headings  []string
	separator rune
}

// rows are the devices of a file, one at a time.
type rows interface {
	next() (*Row, error) // io.EOF is the end; any other error says that the rest cannot be read
	offset() int64       // bytes read so far
}

// Table returns the devices of a table. Its errors say what the file is, or which option it needs:
// an [*OptionError].
func Table(in io.Reader, o sheet.Options, columns ColumnOptions) (*Source, error) {
	if o.Columns != nil {
		text := bufio.NewReaderSize(in, 64<<10)
		if isRejects(text, o.Columns) {
			o = sheet.Options{}
		}
		in = text
	}
	t, err := sheet.NewReader(in, o)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(t.Columns, looksSecret); i >= 0 && o.Columns == nil {
		return nil, usagef("column %d of the first row may hold a key, so that the row is a device and no heading: say what the columns are with --columns, such as --columns endpoint,psk-key", i+1)
	}
	m, err := mapColumns(t.Columns, columns)
	if err != nil {
		return nil, err
	}
	return &Source{rows: &tableRows{t, m}, columns: m, headings: t.Columns, separator: t.Separator}, nil
}

// NotRead are the headings of the columns that are not read.
func (s *Source) NotRead() []string {
	if s.columns == nil {
		return nil
	}
	return s.columns.notRead()
}

// Mapping has a line HEADING=NAME for each column that is read.
func (s *Source) Mapping() (text string) {
	for i, name := range s.columns.names {
		if name != "" {
			text += s.columns.headings[i] + "=" + name + "\n"
		}
	}
	return text
}
