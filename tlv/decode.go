package tlv

import (
	"errors"
	"fmt"
)

// The errors of [Decode], each within a [SyntaxError].
var (
	// ErrTruncated: the bytes end within a record, or a record within another.
	ErrTruncated = errors.New("truncated")

	// ErrMisplaced: a record of this kind cannot stand here.
	ErrMisplaced = errors.New("misplaced")

	// ErrTooMany: there are more than MaxRecords.
	ErrTooMany = errors.New("too many records")
)

// MaxRecords is how many records Decode accepts in one payload, nested ones included.
const MaxRecords = 16384

// A SyntaxError says where bytes stop being TLV.
type SyntaxError struct {
	Offset int   // of the record's first byte
	Err    error // ErrTruncated, ErrMisplaced or ErrTooMany
}

// Error names the place and the problem.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("tlv: record at byte %d: %v", e.Offset, e.Err)
}

// Unwrap returns Err.
func (e *SyntaxError) Unwrap() error { return e.Err }

// Decode reads a whole payload. It accepts identifiers and lengths in longer forms than necessary, but
// each kind only in its place: ObjectInstance, MultipleResource and Resource at the top, Resource or
// MultipleResource within an ObjectInstance, ResourceInstance within a MultipleResource; and
// ResourceInstance at the top, as some clients send for a single Resource. The values are parts of b.
// An error is a [*SyntaxError].
func Decode(b []byte) ([]Record, error) {
	d := decoder{b: b, left: MaxRecords}
	return d.records(0, len(b), func(Kind) bool { return true })
}

type decoder struct {
	b    []byte
	left int // records that may still come
}

// records reads those in b[from:to].
func (d *decoder) records(from, to int, allowed func(Kind) bool) ([]Record, error) {
	var out []Record
	for at := from; at < to; {
		h, ok := readHeader(d.b[at:to])
		switch {
		case !ok:
			return nil, &SyntaxError{at, ErrTruncated}
		case !allowed(h.kind):
			return nil, &SyntaxError{at, fmt.Errorf("%v: %w", h.kind, ErrMisplaced)}
		case d.left == 0:
			return nil, &SyntaxError{at, ErrTooMany}
		}
		d.left--
		r := Record{Kind: h.kind, ID: h.id}
		value, end := at+h.size, at+h.size+h.length
		if h.kind.container() {
			var err error
			r.Children, err = d.records(value, end, func(k Kind) bool { return k.within(h.kind) })
			if err != nil {
				return nil, err
			}
		} else {
			r.Value = d.b[value:end:end]
		}
		out = append(out, r)
		at = end
	}
	return out, nil
}

type header struct {
	kind   Kind
	id     uint16
	size   int // of the header itself
	length int // of the value
}

// readHeader reads the header at the start of b; ok is whether it and the value it
// announces are there.
func readHeader(b []byte) (h header, ok bool) {
	if len(b) < 2 {
		return h, false
	}
	h.kind = Kind(b[0] >> kindShift)
	idBytes := 1
	if b[0]&wideID != 0 {
		idBytes = 2
	}
	lenBytes := int(b[0] >> lengthShift & 3)
	h.size = 1 + idBytes + lenBytes
	if len(b) < h.size {
		return h, false
	}
	h.id = uint16(bigEndian(b[1 : 1+idBytes]))
	h.length = int(b[0] & lengthMask)
	if lenBytes > 0 {
		h.length = int(bigEndian(b[1+idBytes : h.size]))
	}
	return h, h.length <= len(b)-h.size
}

func bigEndian(b []byte) (n uint64) {
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n
}
