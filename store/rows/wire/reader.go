package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"lwbs/lwm2m"
	"lwbs/store"
)

// A Reader reads the fields of a record one by one. Its methods return zero values after an error; [Reader.Err]
// tells it.
type Reader struct {
	row  []byte
	text string // the same; texts are parts of it, which takes one allocation for all
	at   int    // of the next field
	end  int    // of the fields
	err  *error // one for all nested ones

	number     Number
	kind       protowire.Type
	value      uint64 // of a varint or a fixed64
	start      int    // of the field
	begin, fin int    // of bytes
	kept       []byte // fields
}

// Is reports whether a row is in the binary form, which it tells by the first byte.
func Is(row []byte) bool { return len(row) > 0 && row[0] == version }

// Open begins to read a record, which must not change as long as the Reader is used. The error wraps
// store.ErrCorrupt, or store.ErrNewer for a version that this release does not know.
func Open(row []byte, kind Kind) (Reader, error) {
	body := len(row) - trailerSize
	if body < headerSize {
		return Reader{}, fmt.Errorf("%w: it has %d bytes", store.ErrCorrupt, len(row))
	}
	switch {
	case binary.BigEndian.Uint32(row[body:]) != crc32.Checksum(row[:body], castagnoli):
		return Reader{}, fmt.Errorf("%w: its checksum is wrong", store.ErrCorrupt)
	case row[0] != version:
		return Reader{}, fmt.Errorf("%w: it is of version %d", store.ErrNewer, row[0])
	case Kind(row[1]) != kind:
		return Reader{}, fmt.Errorf("%w: it is of kind %d, not %d", store.ErrCorrupt, row[1], kind)
	}
	return Reader{row: row, text: string(row[:body]), at: headerSize, end: body, err: new(error)}, nil
}

// Err is the first error of the Reader, of those nested in it, and of the one that it is nested in.
func (r *Reader) Err() error { return *r.err }

// Fail notes an error, unless there is one.
func (r *Reader) Fail(err error) {
	if *r.err == nil {
		*r.err = err
	}
}

// newer notes that only a newer release can read the field.
func (r *Reader) newer() {
	r.Fail(fmt.Errorf("%w: the value of field %d cannot be read", store.ErrNewer, r.number))
}

// Next goes to the next field, and reports whether there is one.
func (r *Reader) Next() bool {
	if *r.err != nil || r.at >= r.end {
		return false
	}
	r.start = r.at
	number, kind, n := protowire.ConsumeTag(r.row[r.at:r.end])
	if n < 0 {
		return r.broken()
	}
	r.number, r.kind = number, kind
	r.at += n
	rest := r.row[r.at:r.end]
	switch kind {
	case protowire.VarintType:
		r.value, n = protowire.ConsumeVarint(rest)
	case protowire.Fixed64Type:
		r.value, n = protowire.ConsumeFixed64(rest)
	case protowire.Fixed32Type:
		_, n = protowire.ConsumeFixed32(rest)
	case protowire.BytesType:
		var b []byte
		if b, n = protowire.ConsumeBytes(rest); n >= 0 {
			r.fin = r.at + n
			r.begin = r.fin - len(b)
		}
	default:
		n = -1
	}
	if n < 0 {
		return r.broken()
	}
	r.at += n
	return true
}

func (r *Reader) broken() bool {
	r.Fail(fmt.Errorf("%w: its fields end in the middle of one", store.ErrCorrupt))
	return false
}

// Number is that of the field.
func (r *Reader) Number() Number { return r.number }

// Keep keeps the field, which the caller does not know.
func (r *Reader) Keep() { r.kept = append(r.kept, r.row[r.start:r.at]...) }

// Kept are the fields that were kept, as [Writer.Raw] writes them again; empty for none.
func (r *Reader) Kept() string { return string(r.kept) }

func (r *Reader) is(kind protowire.Type) bool {
	if r.kind != kind {
		r.newer()
	}
	return *r.err == nil
}

// Text is the value of a text.
func (r *Reader) Text() string {
	if !r.is(protowire.BytesType) {
		return ""
	}
	return r.text[r.begin:r.fin]
}

// Bytes are those of the value, which are part of the row; nil for none.
func (r *Reader) Bytes() []byte {
	if !r.is(protowire.BytesType) || r.begin == r.fin {
		return nil
	}
	return r.row[r.begin:r.fin:r.fin]
}

// Uint is the value of a number up to most.
func (r *Reader) Uint(most uint64) uint64 {
	if !r.is(protowire.VarintType) {
		return 0
	}
	if r.value > most {
		r.newer()
		return 0
	}
	return r.value
}

// Int is the value of a number that was an int.
func (r *Reader) Int() int {
	v := int64(r.Uint(math.MaxUint64))
	if int64(int(v)) != v {
		r.newer()
		return 0
	}
	return int(v)
}

// True is the value of a truth.
func (r *Reader) True() bool { return r.Uint(1) == 1 }

// Time is the value of a time, in UTC.
func (r *Reader) Time() time.Time {
	seconds, nanoseconds := protowire.DecodeZigZag(r.value), uint64(0)
	switch r.kind {
	case protowire.VarintType:
	case protowire.Fixed64Type:
		return time.Unix(0, int64(r.value)).UTC()
	default:
		if !r.is(protowire.BytesType) {
			return time.Time{}
		}
		b := r.row[r.begin:r.fin]
		zigzag, n := protowire.ConsumeVarint(b)
		m := -1
		if n >= 0 {
			nanoseconds, m = protowire.ConsumeVarint(b[n:])
		}
		if m < 0 || n+m != len(b) || nanoseconds >= uint64(time.Second) {
			r.newer()
			return time.Time{}
		}
		seconds = protowire.DecodeZigZag(zigzag)
	}
	if seconds < firstSecond || seconds > lastSecond {
		r.newer()
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanoseconds)).UTC()
}

// Path is the value of a path.
func (r *Reader) Path() (p lwm2m.Path) {
	if !r.is(protowire.BytesType) {
		return p
	}
	for b := r.row[r.begin:r.fin]; len(b) > 0; {
		id, n := protowire.ConsumeVarint(b)
		if n < 0 || id > math.MaxUint16 || p.Depth() == 4 {
			r.newer()
			return lwm2m.Path{}
		}
		p = p.Append(uint16(id))
		b = b[n:]
	}
	return p
}

// Format is the value of a content format.
func (r *Reader) Format() lwm2m.Format {
	v := r.Uint(math.MaxUint16 + 1)
	if v == 0 {
		return 0
	}
	return lwm2m.FormatNumber(uint16(v - 1))
}

// Alike is how many fields with the number of this one there are from it on.
func (r Reader) Alike() (n int) {
	number := r.number
	for more := true; more; more = r.Next() {
		if r.number == number {
			n++
		}
	}
	return n
}

// Nested reads the value as a nested record.
func (r *Reader) Nested() Reader {
	in := Reader{row: r.row, text: r.text, err: r.err}
	if r.is(protowire.BytesType) {
		in.at, in.end = r.begin, r.fin
	}
	return in
}
