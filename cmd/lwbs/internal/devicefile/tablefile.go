package devicefile

import (
	"errors"
	"slices"

	"lwbs/store/importer/sheet"
)

// tableRows are the rows of a table as devices.
type tableRows struct {
	table *sheet.Reader
	m     *columnMap
}

func (t *tableRows) next() (*Row, error) {
	row, err := t.table.Next()
	if wrong := new(sheet.Error); errors.As(err, &wrong) {
		return &Row{line: wrong.Line, cells: slices.Clone(wrong.Cells), err: wrong.Cause()}, nil
	}
	if err != nil {
		return nil, err
	}
	return t.m.row(row.Line, row.Cells, row.Position), nil
}

func (t *tableRows) offset() int64 { return t.table.Offset() }
