package rows

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"reflect"
	"strings"

	"lwbs/store"
	"lwbs/store/rows/wire"
)

// A row is the stored form of a record. Those of devices and sessions, which there are millions of, are in the
// binary form of package wire. All others are one JSON object, whose last member is a checksum (CRC-32C,
// 8 hexadecimal digits) of everything before it:
//
//	{"name":"meter","revision":1, ... ,"sum":"1a2b3c4d"}
//
// The first schema has devices and sessions in JSON, too: such rows are read, and written in the binary form
// when the record is edited.
//
// The checksum distinguishes a record of a newer lwbs, which may have unknown members, from a
// damaged one, in which a flipped bit may have made a member unknown. If it is right, unknown
// members, or fields,
//
//   - of a device, its credentials and its accounts, and of a group, are kept, and written again with
//     each edit (see [Device].Unknown), since the server edits devices by itself, and a person edits a
//     part of a group;
//   - of a profile and of a session are ignored: a profile is always replaced as a whole, by a
//     person, and a session is not edited.
//
// A member that must not be ignored needs another schema, which older releases refuse. A known
// member with a value that cannot be read is ErrNewer. A row of JSON without a checksum, as the first
// releases wrote them, has no unknown members, or is damaged.
const (
	sumPrefix = `,"sum":"`
	sumSuffix = `"}`
	sumLength = len(sumPrefix) + 2*crc32.Size + len(sumSuffix)
)

// isJSON reports whether a row is in JSON, which it tells by the first byte.
func isJSON(row []byte) bool { return len(row) > 0 && row[0] == '{' }

// IsRow reports whether bytes may be a row of any record.
func IsRow(b []byte) bool { return isJSON(b) || wire.Is(b) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encodeRow returns the row of a record with at least one member.
func encodeRow(record any) ([]byte, error) {
	b, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	return withSum(b), nil
}

// withSum appends the checksum to the JSON of an object with at least one member.
func withSum(b []byte) []byte {
	b = b[:len(b)-1]
	sum := checksum(b)
	return append(append(append(b, sumPrefix...), sum[:]...), sumSuffix...)
}

// checksum is that of a row up to its last member, in hexadecimal digits.
func checksum(b []byte) (digits [2 * crc32.Size]byte) {
	var sum [crc32.Size]byte
	binary.BigEndian.PutUint32(sum[:], crc32.Checksum(b, castagnoli))
	hex.Encode(digits[:], sum[:])
	return digits
}

// decodeRow reads what encodeRow wrote; more reports unknown members. The error wraps ErrCorrupt or
// ErrNewer; it says what is wrong, and repeats nothing of the content.
func decodeRow(row []byte, into any) (more bool, err error) {
	body, summed, err := withoutSum(row)
	if err != nil {
		return false, err
	}
	strict := decodeStrictly(body, into)
	switch {
	case strict == nil:
		return false, nil
	case !summed:
		return false, fmt.Errorf("%w: %v", store.ErrCorrupt, strict)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return false, fmt.Errorf("%w: %v", store.ErrNewer, err)
	}
	return true, nil
}

// decodeKeeping is decodeRow for a record without parts of its own, and returns its unknown members as
// unknownMembers does.
func decodeKeeping[T any](row []byte, into *T) (unknown string, err error) {
	more, err := decodeRow(row, into)
	if err != nil || !more {
		return "", err
	}
	body, _, err := withoutSum(row)
	if err != nil {
		return "", err
	}
	return unknownMembers(body, *into)
}

// withoutSum checks the checksum of a row, if it has one, and returns the JSON without it.
func withoutSum(row []byte) (body []byte, summed bool, err error) {
	start := len(row) - sumLength
	if start < 0 || string(row[start:start+len(sumPrefix)]) != sumPrefix || !bytes.HasSuffix(row, []byte(sumSuffix)) {
		return row, false, nil
	}
	sum := row[start+len(sumPrefix) : len(row)-len(sumSuffix)]
	if want := checksum(row[:start]); string(want[:]) != string(sum) {
		return nil, true, fmt.Errorf("%w: its checksum is wrong", store.ErrCorrupt)
	}
	return append(bytes.Clone(row[:start]), '}'), true, nil
}

// decodeStrictly reads exactly one JSON value, without unknown members.
func decodeStrictly(b []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, more := d.Token(); !errors.Is(more, io.EOF) {
		return errors.New("something follows the record")
	}
	return nil
}

// unknownMembers returns, as a JSON object, the members of a JSON object for which the struct known
// has no fields; empty where there are none.
func unknownMembers(object []byte, known any) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return "", err
	}
	fields := reflect.TypeOf(known)
	for i := range fields.NumField() {
		name, _, _ := strings.Cut(fields.Field(i).Tag.Get("json"), ",")
		for member := range members {
			if strings.EqualFold(member, name) { // as encoding/json compares them
				delete(members, member)
			}
		}
	}
	if len(members) == 0 {
		return "", nil
	}
	b, err := json.Marshal(members)
	return string(b), err
}

// encodeMembers returns the JSON of known, a struct, with the members of the JSON object unknown,
// empty for none, behind its own.
func encodeMembers(known any, unknown string) (json.RawMessage, error) {
	b, err := json.Marshal(known)
	switch {
	case err != nil || len(unknown) <= len("{}"):
		return b, err
	case string(b) == "{}":
		return json.RawMessage(unknown), nil
	}
	return append(append(b[:len(b)-1], ','), unknown[1:]...), nil
}
