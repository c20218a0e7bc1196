package sheet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"lwbs/store/importer/sheet"
)

// read returns the columns and rows of a table; a row that is wrong is its error.
func read(t *testing.T, text string, o sheet.Options) (columns []string, rows []string) {
	t.Helper()
	r, err := sheet.NewReader(strings.NewReader(text), o)
	if err != nil {
		return nil, []string{err.Error()}
	}
	for {
		row, err := r.Next()
		var wrong *sheet.Error
		switch {
		case errors.Is(err, io.EOF):
			return r.Columns, rows
		case errors.As(err, &wrong):
			rows = append(rows, err.Error())
		case err != nil:
			t.Fatal(err)
		default:
			rows = append(rows, fmt.Sprintf("%d: %s", row.Line, strings.Join(row.Cells, "|")))
		}
	}
}

func inUTF16(text string, order binary.AppendByteOrder) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// The same table is read however it was saved.
func TestHowTablesAreSaved(t *testing.T) {
	const plain = "IMEI,Name\n1,\"a, b\"\n2,ü\n"
	wantColumns, wantRows := []string{"IMEI", "Name"}, []string{"2: 1|a, b", "3: 2|ü"}
	for how, text := range map[string]string{
		"comma":                    plain,
		"CRLF":                     strings.ReplaceAll(plain, "\n", "\r\n"),
		"semicolon":                "IMEI;Name\n1;a, b\n2;ü\n",
		"tab":                      "IMEI\tName\n1\ta, b\n2\tü\n",
		"vertical bar":             "IMEI|Name\n1|a, b\n2|ü\n",
		"byte order mark":          "\ufeff" + plain,
		"no line end behind":       strings.TrimSuffix(plain, "\n"),
		"empty columns and rows":   "IMEI,Name,,\n1,\"a, b\",,\n2,ü,,\n,,,\n\n",
		"white space":              " IMEI , Name\n1,\"a, b\"\n2,ü\n",
		"CR":                       strings.ReplaceAll(plain, "\n", "\r"),
		"UTF-16 with CR":           "\xff\xfe" + inUTF16(strings.ReplaceAll(plain, "\n", "\r"), binary.LittleEndian),
		"UTF-16, little endian":    "\xff\xfe" + inUTF16(plain, binary.LittleEndian),
		"UTF-16, big endian":       "\xfe\xff" + inUTF16(plain, binary.BigEndian),
		"UTF-16 without a mark":    inUTF16(plain, binary.LittleEndian),
		"UTF-16 BE without a mark": inUTF16(plain, binary.BigEndian),
		"quoted headings":          "\"IMEI\";\"Name\"\n1;\"a, b\"\n2;ü\n",
		"a semicolon in a quote":   "IMEI,Name\n1,\"a, b\"\n2,\"ü\"\n",
	} {
		columns, rows := read(t, text, sheet.Options{})
		if !reflect.DeepEqual(columns, wantColumns) || !reflect.DeepEqual(rows, wantRows) {
			t.Errorf("%s: columns %q, rows %q", how, columns, rows)
		}
	}
	columns, rows := read(t, "sep=;\r\nIMEI;Name\r\n1;\"a, b\"\r\n2;ü\r\n", sheet.Options{})
	if !reflect.DeepEqual(columns, wantColumns) || len(rows) != 2 || rows[1] != "3: 2|ü" {
		t.Errorf("with a line that tells the separator: columns %q, rows %q", columns, rows)
	}
}

func TestWrongRows(t *testing.T) {
	for text, want := range map[string][]string{
		"a,b\n1\n2,3\n":              {"2: 1|", "3: 2|3"},
		"a,b\n1,2,3\n4,5\n":          {"line 2: it has 3 cells, and there are 2 columns: put a cell with a comma in it into quotes", "3: 4|5"},
		"a,b\n1,5\" pipe\n4,5\n":     {"line 2, column 4: a quote stands within a cell: write it twice, and put the cell into quotes", "3: 4|5"},
		"a,b\n1,\"x\"y\n4,5\n":       {"line 2, column 5: a cell goes on behind the quote that closes it: write a quote in a cell twice", "3: 4|5"},
		"a,b\n1,\"x\n4,5\n":          {"line 2: a quote that is opened here is not closed before line 3", "3: 4|5"},
		"a,b\n1,\"x\n4,\"5\"\n6,7\n": {"line 2: a quote that is opened here is not closed before line 3", "3: 4|5", "4: 6|7"},
		"a,b\n1,\"x\ny\n4,5\n":       {"line 2: a quote that is opened here is not closed before line 4"},
		"a,b\n1,2\n3,\"4":            {"2: 1|2", "line 3: a quote that is opened here is not closed"},
		"a\n\"1\n2\n":                {"line 2: a quote that is opened here is not closed before line 3"},
		"a,b\n1,\"x\ny\"\n4,5\n":     {"2: 1|x\ny", "4: 4|5"},
		"a,b\n1,\xfc\n4,5\n":         {`line 2, column 3: it is not UTF-8: save the table as "CSV UTF-8"`, "3: 4|5"},
		"a;b\n1;2\n3,4\n5;6\n":       {"2: 1|2", "line 3: its cells are separated by a comma, and those of the first row by a semicolon", "4: 5|6"},
		"a,b,c\n1;2\n":               {"2: 1;2||"},
		"a,,b\n1,2,3\n":              {"line 1: column 2 of 3 has no heading"},
		"":                           {"it is empty"},
		" \n\n":                      {"it is empty"},
		"PK\x03\x04\x14\x00":         {`it is an Excel workbook (.xlsx) or another archive: save the sheet as "CSV UTF-8"`},
		"a,b\n\x00\x01":              {"it is no text: byte 5 is zero"},
	} {
		if _, rows := read(t, text, sheet.Options{}); !reflect.DeepEqual(rows, want) {
			t.Errorf("%q: %q, want %q", text, rows, want)
		}
	}
}

// The text of a row that cannot be read is kept, for those who want to mend it.
func TestTextOfWrongRow(t *testing.T) {
	r, err := sheet.NewReader(strings.NewReader("a,b\n1,2\n3,\"x\"y\r\n4,5\n6,\"open\n7,8\n"), sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if wrong := new(sheet.Error); errors.As(err, &wrong) {
			kept = append(kept, wrong.Raw)
		}
	}
	if want := []string{"3,\"x\"y", "6,\"open"}; !reflect.DeepEqual(kept, want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
}

func TestColumnsAreGiven(t *testing.T) {
	columns, rows := read(t, "a:00ff\nb:11\n", sheet.Options{Separator: ':', Columns: []string{"id", "key"}})
	if !reflect.DeepEqual(columns, []string{"id", "key"}) || !reflect.DeepEqual(rows, []string{"1: a|00ff", "2: b|11"}) {
		t.Errorf("columns %q, rows %q", columns, rows)
	}
}

func TestPosition(t *testing.T) {
	r, err := sheet.NewReader(strings.NewReader("a;b\n1;\"x\ny\"\n4;5\n"), sheet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range [][2]int{{2, 3}, {4, 3}} {
		row, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if line, column := row.Position(1); line != want[0] || column != want[1] {
			t.Errorf("the cell is in line %d, column %d, want %v", line, column, want)
		}
	}
}

// endless is a table, or a row, without an end.
type endless struct{ text []byte }

func (e endless) Read(b []byte) (int, error) {
	return copy(b, bytes.Repeat(e.text, len(b)/len(e.text)+1)), nil
}

// A row without an end is refused before it takes much memory.
func TestEndlessRow(t *testing.T) {
	for _, text := range []string{"x", "x,"} {
		r, err := sheet.NewReader(io.MultiReader(strings.NewReader("a,b\n1,\""), endless{[]byte(text)}), sheet.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Next()
		if wrong := new(sheet.Error); !errors.As(err, &wrong) || !wrong.Last || wrong.Line != 2 {
			t.Errorf("%v", err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("behind it: %v", err)
		}
	}
	if _, err := sheet.NewReader(endless{[]byte("x")}, sheet.Options{}); err == nil {
		t.Error("a heading without an end is taken")
	}
}

// A row that is too long is refused, and the rows behind it are read, with their lines and columns.
func TestLongRow(t *testing.T) {
	text := "a,b\n1,2\n" + strings.Repeat("x", 3<<20) + ",y\n3,4\n5,\"6\"7\n\xff,8\n"
	r, err := sheet.NewReader(strings.NewReader(text), sheet.Options{Separator: ','})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			got = append(got, err.Error())
			continue
		}
		line, column := row.Position(1)
		got = append(got, fmt.Sprintf("%d %v %d:%d", row.Line, row.Cells, line, column))
	}
	want := []string{"2 [1 2] 2:3", "line 3: the row has more than 1048576 bytes", "4 [3 4] 4:3",
		"line 5, column 5: a cell goes on behind the quote that closes it: write a quote in a cell twice",
		`line 6, column 1: it is not UTF-8: save the table as "CSV UTF-8"`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if r.Offset() != int64(len(text)) {
		t.Errorf("%d bytes were read of %d", r.Offset(), len(text))
	}
}

// Behind a row that is too long over several lines the next is read: behind its end, or behind its first line
// where a quote in that is not closed.
func TestLongRowOfSeveralLines(t *testing.T) {
	lines := strings.Repeat("-----BEGIN CERTIFICATE-----\nabc \"\"quoted\"\"\n", 50_000)
	rows := strings.Repeat("5,\"6\"\n7,8\n", 200_000)
	for what, test := range map[string]struct {
		text string
		want []string
		rows int
	}{
		"a long cell":   {"a,b\n1,\"" + lines + "\"\n3,4\n", []string{"line 2: the row has more than 1048576 bytes"}, 1},
		"at the end":    {"a,b\n1,\"" + lines + "\"", []string{"line 2: the row has more than 1048576 bytes"}, 0},
		"no end":        {"a,b\n1,\"" + lines, []string{"line 2: the row has more than 67108864 bytes, and what is behind it was not read: is a quote not closed?"}, 0},
		"an open quote": {"a,b\n1,\"2\n" + strings.ReplaceAll(rows, `"`, ""), []string{"line 2: a quote that is opened here is not closed in the next 1048576 bytes"}, 400_000},
		"quotes behind": {"a,b\n1,\"2\n" + rows, []string{"line 2: a quote that is opened here is not closed before line 3"}, 400_000},
		"not the first": {"a,b\n1,2\n1,\"2\n" + rows + "9,\"\n", []string{"line 3: a quote that is opened here is not closed before line 4", "line 400004: a quote that is opened here is not closed"}, 400_001},
	} {
		r, err := sheet.NewReader(strings.NewReader(test.text), sheet.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		n, last := 0, 0
		for {
			row, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				got = append(got, err.Error())
			} else if n, last = n+1, row.Line; n == 1 && what == "a long cell" && last != 100_003 {
				t.Errorf("%s: the row behind is in line %d", what, last)
			}
		}
		if !slices.Equal(got, test.want) || n != test.rows {
			t.Errorf("%s: %q and %d rows, want %q and %d", what, got, n, test.want, test.rows)
		}
		if r.Offset() != int64(len(test.text)) {
			t.Errorf("%s: %d bytes were read of %d", what, r.Offset(), len(test.text))
		}
	}
}

// FuzzSheet reads anything: it ends, and each row has a cell for each column, in a line behind
// that of the row before.
func FuzzSheet(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a;b\r\n\"1\n\";2", "\ufeffa\tb\n1\t2", "a,b\n1,\"", "sep=;\na;b\n1;2\n", "a,b\n1,\"2\n3,4\n5,\"6\"\n", "\xff\xfea\x00\n\x001\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := sheet.NewReader(bytes.NewReader(text), sheet.Options{})
		if err != nil {
			return
		}
		for last := 0; ; {
			row, err := r.Next()
			if wrong := new(sheet.Error); errors.As(err, &wrong) {
				continue
			}
			if err != nil {
				return
			}
			if len(row.Cells) != len(r.Columns) || row.Line <= last {
				t.Fatalf("line %d behind %d: %d cells for %d columns", row.Line, last, len(row.Cells), len(r.Columns))
			}
			last = row.Line
		}
	})
}
