package wire

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Number is that of a field.
type Number = protowire.Number

// A Kind says what a record is of.
type Kind byte

// The kinds.
const (
	Device  Kind = 1
	Session Kind = 2
)

const (
	version     = 1
	headerSize  = 2 // version and kind
	trailerSize = crc32.Size
)

// Times are from firstSecond to lastSecond, counted from 1970 on: the years 1 to 9999.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A Writer writes one record. The zero Writer writes fields without a record around them.
type Writer struct {
	b   []byte
	err error
}

// NewWriter begins a record. It has room for size bytes before it allocates again.
func NewWriter(kind Kind, size int) Writer {
	return Writer{b: append(make([]byte, 0, size), version, byte(kind))}
}

// Record ends the record and returns its bytes. The error wraps store.ErrInvalid; it is of a value that cannot
// be stored.
func (w *Writer) Record() ([]byte, error) {
	return binary.BigEndian.AppendUint32(w.b, crc32.Checksum(w.b, castagnoli)), w.err
}

// Fields are the bytes so far.
func (w *Writer) Fields() []byte { return w.b }

// Text writes a text, unless it is empty.
func (w *Writer) Text(n Number, s string) {
	if s != "" {
		w.Element(n, s)
	}
}

// Element writes a text, also an empty one: an element of a list.
func (w *Writer) Element(n Number, s string) {
	w.b = protowire.AppendString(protowire.AppendTag(w.b, n, protowire.BytesType), s)
}

// Bytes writes bytes, unless there are none.
func (w *Writer) Bytes(n Number, b []byte) {
	if len(b) > 0 {
		w.b = protowire.AppendBytes(protowire.AppendTag(w.b, n, protowire.BytesType), b)
	}
}

// Uint writes a number, unless it is zero. An int is written as its two's complement.
func (w *Writer) Uint(n Number, v uint64) {
	if v != 0 {
		w.Present(n, v)
	}
}

// Present writes a number, also zero: one that may be missing.
func (w *Writer) Present(n Number, v uint64) {
	w.b = protowire.AppendVarint(protowire.AppendTag(w.b, n, protowire.VarintType), v)
}

// True writes v, unless it is false.
func (w *Writer) True(n Number, v bool) {
	if v {
		w.Present(n, 1)
	}
}

// Time writes a time of the years 1 to 9999, unless it is the zero time. It is read as UTC.
//
// Whole seconds are a varint, zigzag, from 1970 on. A time with nanoseconds is a fixed64 of the
// nanoseconds from 1970 on. Before 1678 and after 2261 it is bytes: the seconds as above, and behind them the
// nanoseconds as a varint.
func (w *Writer) Time(n Number, t time.Time) {
	seconds, nanoseconds := t.Unix(), t.Nanosecond()
	switch {
	case t.IsZero():
	case seconds < firstSecond || seconds > lastSecond:
		w.err = cmp.Or(w.err, fmt.Errorf("%w: a time of the year %d", store.ErrInvalid, t.UTC().Year()))
	case nanoseconds == 0:
		w.Present(n, protowire.EncodeZigZag(seconds))
	case seconds > math.MinInt64/int64(time.Second) && seconds < math.MaxInt64/int64(time.Second):
		w.b = protowire.AppendFixed64(protowire.AppendTag(w.b, n, protowire.Fixed64Type), uint64(t.UnixNano()))
	default:
		m := w.Begin(n)
		w.b = protowire.AppendVarint(protowire.AppendVarint(w.b, protowire.EncodeZigZag(seconds)), uint64(nanoseconds))
		w.End(m)
	}
}

// Path writes a path, unless it is the root: its identifiers as varints, one behind the other.
func (w *Writer) Path(n Number, p lwm2m.Path) {
	if p == lwm2m.Root {
		return
	}
	m := w.Begin(n)
	ids := [...]uint64{uint64(p.Object()), uint64(p.Instance()), uint64(p.Resource()), uint64(p.ResourceInstance())}
	for _, id := range ids[:p.Depth()] {
		w.b = protowire.AppendVarint(w.b, id)
	}
	w.End(m)
}

// Format writes a content format, unless there is none: its number, and one more.
func (w *Writer) Format(n Number, f lwm2m.Format) { w.Uint(n, formatNumber(f)) }

// PresentFormat writes a content format that may be missing.
func (w *Writer) PresentFormat(n Number, f lwm2m.Format) { w.Present(n, formatNumber(f)) }

func formatNumber(f lwm2m.Format) uint64 {
	if f == 0 {
		return 0
	}
	return uint64(f.Number()) + 1
}

// Append writes bytes that a function appends.
func (w *Writer) Append(n Number, appendTo func([]byte) []byte) {
	m := w.Begin(n)
	w.b = appendTo(w.b)
	w.End(m)
}

// A Mark is where a nested record begins.
type Mark int

// Begin begins a nested record, which is written even when it is empty. End ends it.
func (w *Writer) Begin(n Number) Mark {
	w.b = append(protowire.AppendTag(w.b, n, protowire.BytesType), 0) // one byte for the length
	return Mark(len(w.b))
}

// End ends the nested record that m begins.
func (w *Writer) End(m Mark) {
	length := len(w.b) - int(m)
	if more := protowire.SizeVarint(uint64(length)) - 1; more > 0 {
		var room [9]byte
		w.b = append(w.b, room[:more]...)
		copy(w.b[int(m)+more:], w.b[m:])
	}
	protowire.AppendVarint(w.b[:m-1], uint64(length))
}

// Raw writes fields as [Reader.Kept] returned them.
func (w *Writer) Raw(fields string) { w.b = append(w.b, fields...) }
