package sheet_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"lwbs/store/importer/sheet"
)

// A row has 1 MiB. A longer one is refused, and what is behind it is read where it has at most 64 MiB.
func TestBytesOfARow(t *testing.T) {
	for size, want := range map[int]struct{ whole, goesOn bool }{
		1 << 20: {true, true}, 1<<20 + 1: {false, true}, 64 << 20: {false, true}, 66 << 20: {false, false},
	} {
		r, err := sheet.NewReader(io.MultiReader(strings.NewReader("a,b\n"), io.LimitReader(endless{[]byte("x")}, int64(size-1)), strings.NewReader("\n1,2\n")), sheet.Options{Separator: ','})
		if err != nil {
			t.Fatal(err)
		}
		row, err := r.Next()
		wrong := new(sheet.Error)
		if whole := err == nil && len(row.Cells[0]) == size-1; whole != want.whole || !whole && !errors.As(err, &wrong) {
			t.Errorf("a row of %d bytes: %v", size, err)
		}
		if row, err = r.Next(); (err == nil) != want.goesOn || wrong.Last == want.goesOn || err == nil && row.Cells[1] != "2" {
			t.Errorf("behind a row of %d bytes: %v", size, err)
		}
	}
}
