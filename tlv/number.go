package tlv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrValue is wrapped by the errors of the Parse functions.
var ErrValue = errors.New("tlv: bad value")

// AppendInt appends i in the shortest of 1, 2, 4 and 8 bytes, two's complement.
func AppendInt(dst []byte, i int64) []byte {
	switch {
	case i == int64(int8(i)):
		return append(dst, byte(i))
	case i == int64(int16(i)):
		return binary.BigEndian.AppendUint16(dst, uint16(i))
	case i == int64(int32(i)):
		return binary.BigEndian.AppendUint32(dst, uint32(i))
	}
	return binary.BigEndian.AppendUint64(dst, uint64(i))
}

// AppendUint appends u in the shortest of 1, 2, 4 and 8 bytes whose top bit is zero, because most
// readers read every integer as signed. Only a number of 2^63 or more has the top bit set.
func AppendUint(dst []byte, u uint64) []byte {
	if u > math.MaxInt64 {
		return binary.BigEndian.AppendUint64(dst, u)
	}
	return AppendInt(dst, int64(u))
}

// ParseInt reads a signed integer of 1, 2, 4 or 8 bytes.
func ParseInt(b []byte) (int64, error) {
	switch len(b) {
	case 1:
		return int64(int8(b[0])), nil
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	case 8:
		return int64(binary.BigEndian.Uint64(b)), nil
	}
	return 0, fmt.Errorf("%w: an integer has 1, 2, 4 or 8 bytes, not %d", ErrValue, len(b))
}

// ParseUint reads an unsigned integer of 1, 2, 4 or 8 bytes, its top bit a digit like
// the others.
func ParseUint(b []byte) (uint64, error) {
	switch len(b) {
	case 1, 2, 4, 8:
		return bigEndian(b), nil
	}
	return 0, fmt.Errorf("%w: an integer has 1, 2, 4 or 8 bytes, not %d", ErrValue, len(b))
}

// AppendFloat appends f in 4 bytes where they hold it exactly, else in 8.
func AppendFloat(dst []byte, f float64) []byte {
	if short := float32(f); float64(short) == f {
		return binary.BigEndian.AppendUint32(dst, math.Float32bits(short))
	}
	return binary.BigEndian.AppendUint64(dst, math.Float64bits(f))
}

// ParseFloat reads a float of 4 or 8 bytes.
func ParseFloat(b []byte) (float64, error) {
	switch len(b) {
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(b))), nil
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	}
	return 0, fmt.Errorf("%w: a float has 4 or 8 bytes, not %d", ErrValue, len(b))
}

// AppendBool appends one byte, 0 or 1.
func AppendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

// ParseBool reads one byte, 0 or 1.
func ParseBool(b []byte) (bool, error) {
	if len(b) != 1 || b[0] > 1 {
		return false, fmt.Errorf("%w: a boolean is one byte, 0 or 1", ErrValue)
	}
	return b[0] == 1, nil
}

// AppendLink appends an Objlnk: Object and Object Instance, two bytes each.
func AppendLink(dst []byte, object, instance uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(dst, object), instance)
}

// ParseLink reads an Objlnk of four bytes.
func ParseLink(b []byte) (object, instance uint16, err error) {
	if len(b) != 4 {
		return 0, 0, fmt.Errorf("%w: an objlnk has 4 bytes, not %d", ErrValue, len(b))
	}
	return binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), nil
}
