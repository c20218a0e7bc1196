// Package wire is the binary form of stored records:
//
//	version   1 byte, 1
//	kind      1 byte
//	fields    in the wire format of Protocol Buffers
//	checksum  4 bytes, CRC-32C of all before, the highest byte first
//
// A field has a number, which says what it is, and one of the wire types varint, fixed64, fixed32 and
// bytes. A reader recognises a field that it does not know and can keep it ([Reader.Keep]). The checksum
// tells a field of a newer release from a flipped bit. A field with the zero value is not written.
//
// A later version may differ in all but the first byte and the checksum, so that a reader that does
// not know it can tell it from a damaged record.
package wire
