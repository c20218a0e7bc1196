package devicefile

import (
	"errors"
	"slices"
	"strings"

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
	if hasResults(t.table.Columns) {
		for i, cell := range row.Cells {
			row.Cells[i] = unguarded(cell)
		}
	}
	out := t.m.row(row.Line, row.Cells, row.Position)
	if t.isHeading(row.Cells) {
		out.err = errors.New("it is the heading once more, and no device")
	}
	return out, nil
}

// isHeading reports whether a row repeats the headings, as it does where tables were put together.
func (t *tableRows) isHeading(cells []string) bool {
	return slices.EqualFunc(cells, t.table.Columns, func(cell, heading string) bool {
		return strings.EqualFold(strings.TrimSpace(cell), heading)
	})
}

func (t *tableRows) offset() int64 { return t.table.Offset() }
