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
		return &Row{
			line: wrong.Line, cells: slices.Clone(wrong.Cells), raw: wrong.Raw, err: wrong.Cause(), suspects: t.m.suspects(wrong.Cells),
		}, nil
	}
	if err != nil {
		return nil, err
	}
	return t.m.row(row.Line, row.Cells, row.Position), nil
}

func (t *tableRows) offset() int64 { return t.table.Offset() }
