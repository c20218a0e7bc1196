package wire_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/rows/wire"
)

func record(t testing.TB, w wire.Writer) []byte {
	t.Helper()
	b, err := w.Record()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes of a record do not change from release to release.
func TestRecord(t *testing.T) {
	w := wire.NewWriter(wire.Session, 0)
	w.Text(1, "s")
	w.Text(2, "")
	w.Element(3, "")
	w.Bytes(4, []byte{0xff})
	w.Uint(5, 0)
	w.Present(6, 0)
	w.Uint(7, 300)
	w.True(8, true)
	w.True(9, false)
	w.Time(10, time.Time{})
	w.Time(11, time.Unix(-1, 0))
	w.Time(12, time.Unix(0, 258))
	w.Time(13, time.Date(9999, 12, 31, 23, 59, 59, 1, time.UTC))
	w.Path(14, lwm2m.Root)
	w.Path(15, lwm2m.ResourcePath(0, 1, 300))
	w.Format(16, lwm2m.FormatText)
	w.PresentFormat(17, 0)
	m := w.Begin(18)
	w.Text(1, "in")
	w.End(m)
	want := "\x01\x02" + "\x0a\x01s" + "\x1a\x00" + "\x22\x01\xff" + "\x30\x00" + "\x38\xac\x02" + "\x40\x01" + "\x58\x01" +
		"\x61\x02\x01\x00\x00\x00\x00\x00\x00" + "\x6a\x07\xfe\x85\xa2\xff\xdf\x0e\x01" + "\x7a\x04\x00\x01\xac\x02" + "\x80\x01\x01" + "\x88\x01\x00" + "\x92\x01\x04\x0a\x02in"
	if got := record(t, w); string(got[:len(got)-4]) != want {
		t.Errorf("%q\nwant %q", got[:len(got)-4], want)
	}
}

// The length of a nested record takes as many bytes as it needs.
func TestNestedRecords(t *testing.T) {
	for _, size := range []int{0, 1, 126, 127, 128, 16383, 16384, 70000} {
		text := string(bytes.Repeat([]byte{'x'}, size))
		w := wire.NewWriter(wire.Device, 0)
		outer := w.Begin(1)
		inner := w.Begin(2)
		w.Text(3, text)
		w.End(inner)
		w.Uint(4, 5)
		w.End(outer)
		w.Uint(5, 6)
		r, err := wire.Open(record(t, w), wire.Device)
		if err != nil {
			t.Fatal(err)
		}
		var found []any
		for r.Next() {
			if r.Number() == 5 {
				found = append(found, r.Uint(6))
				continue
			}
			for in := r.Nested(); in.Next(); {
				if in.Number() == 4 {
					found = append(found, in.Uint(5))
					continue
				}
				deep := in.Nested()
				for deep.Next() {
					found = append(found, deep.Text() == text)
				}
			}
		}
		want := []any{true, uint64(5), uint64(6)}
		if size == 0 {
			want = want[1:]
		}
		if !reflect.DeepEqual(found, want) || r.Err() != nil {
			t.Errorf("%d bytes: %v, %v", size, found, r.Err())
		}
	}
}

// FuzzReader: whatever the fields are, nothing panics, each error is of one of two kinds, and what is kept is
// what was there.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x0a\x01s\x1a\x00\x30\x00\x61\x02\x01\x00\x00\x00\x00\x00\x00\x6a\x07\xfe\x85\xa2\xff\xdf\x0e\x01\x92\x01\x04\x0a\x02in"))
	f.Add([]byte("\x0d\x01\x02\x03\x04\x0b\x0c"))
	f.Fuzz(func(t *testing.T, fields []byte) {
		w := wire.NewWriter(wire.Device, 0)
		w.Raw(string(fields))
		row := record(t, w)
		r, err := wire.Open(row, wire.Device)
		if err != nil {
			t.Fatal(err)
		}
		for r.Next() {
			r.Keep()
		}
		if r.Err() == nil && r.Kept() != string(fields) {
			t.Errorf("%q is kept of %q", r.Kept(), fields)
		}
		if r.Err() != nil && !errors.Is(r.Err(), store.ErrCorrupt) {
			t.Errorf("error %v", r.Err())
		}
		for _, read := range []func(*wire.Reader){
			func(r *wire.Reader) { r.Text() }, func(r *wire.Reader) { r.Bytes() }, func(r *wire.Reader) { r.Uint(9) }, func(r *wire.Reader) { r.Int() }, func(r *wire.Reader) { r.True() },
			func(r *wire.Reader) { r.Time() }, func(r *wire.Reader) { r.Path() }, func(r *wire.Reader) { r.Format() },
			func(r *wire.Reader) {
				if in := r.Nested(); in.Next() {
					in.Text()
				}
			},
			func(r *wire.Reader) {
				if n := r.Alike(); n < 1 {
					t.Errorf("%d fields are alike", n)
				}
			},
		} {
			r, _ := wire.Open(row, wire.Device)
			for r.Next() {
				read(&r)
			}
			if err := r.Err(); err != nil && !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrNewer) {
				t.Errorf("error %v", err)
			}
		}
	})
}
