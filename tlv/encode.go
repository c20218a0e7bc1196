package tlv

import (
	"errors"
	"fmt"
)

// MaxLength is the longest value a record can have, in bytes: three bytes of length.
const MaxLength = 1<<24 - 1

// The errors of [Append].
var (
	// ErrTooLong: a value, or what a record contains, is longer than MaxLength.
	ErrTooLong = errors.New("longer than 16777215 bytes")

	// ErrNesting: a record stands where its kind cannot, or has a value and children.
	ErrNesting = errors.New("record does not belong here")
)

// Append appends the bytes of the records to dst, with the shortest form of each
// identifier and length, and returns the extended buffer. It allocates only when dst
// has no room. With an error it returns dst as it was.
func Append(dst []byte, records ...Record) ([]byte, error) {
	for i := range records {
		if err := records[i].check(); err != nil {
			return dst, err
		}
	}
	for i := range records {
		dst = records[i].append(dst)
	}
	return dst, nil
}

// Size is the number of bytes that Append would add.
func Size(records ...Record) int {
	n := 0
	for i := range records {
		length := records[i].length()
		n += headerSize(records[i].ID, length) + length
	}
	return n
}

// check reports why r cannot be encoded.
func (r *Record) check() error {
	if r.Kind > Resource || r.Kind.container() && r.Value != nil || !r.Kind.container() && r.Children != nil {
		return fmt.Errorf("%v %d: %w", r.Kind, r.ID, ErrNesting)
	}
	if r.length() > MaxLength {
		return fmt.Errorf("%v %d: %w", r.Kind, r.ID, ErrTooLong)
	}
	for i := range r.Children {
		child := &r.Children[i]
		if !child.Kind.within(r.Kind) {
			return fmt.Errorf("%v %d in %v %d: %w", child.Kind, child.ID, r.Kind, r.ID, ErrNesting)
		}
		if err := child.check(); err != nil {
			return err
		}
	}
	return nil
}

func (r *Record) length() int {
	if r.Kind.container() {
		return Size(r.Children...)
	}
	return len(r.Value)
}

func (r *Record) append(dst []byte) []byte {
	dst = appendHeader(dst, r.Kind, r.ID, r.length())
	for i := range r.Children {
		dst = r.Children[i].append(dst)
	}
	return append(dst, r.Value...)
}

// Bits of the type byte.
const (
	kindShift   = 6
	wideID      = 1 << 5
	lengthShift = 3
	lengthMask  = 7
)

func headerSize(id uint16, length int) int {
	n := 2 + lengthBytes(length)
	if id > 0xff {
		n++
	}
	return n
}

// lengthBytes is how many bytes the length field takes: none up to 7.
func lengthBytes(length int) int {
	switch {
	case length <= lengthMask:
		return 0
	case length <= 0xff:
		return 1
	case length <= 0xffff:
		return 2
	}
	return 3
}

func appendHeader(dst []byte, k Kind, id uint16, length int) []byte {
	n := lengthBytes(length)
	head := byte(k)<<kindShift | byte(n)<<lengthShift
	if n == 0 {
		head |= byte(length)
	}
	if id > 0xff {
		dst = append(dst, head|wideID, byte(id>>8), byte(id))
	} else {
		dst = append(dst, head, byte(id))
	}
	for shift := 8 * (n - 1); shift >= 0; shift -= 8 {
		dst = append(dst, byte(length>>shift))
	}
	return dst
}
