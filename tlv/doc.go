// Package tlv encodes and decodes the OMA TLV format, application/vnd.oma.lwm2m+tlv (Content-Format
// 11542).
//
// A record is a type byte, an identifier of one or two bytes, a length of zero to
// three bytes and the value:
//
//	 7 6   5   4 3   2 1 0
//	+-----+---+-----+-------+------------+---------+-------+
//	|kind |id |len  |length | identifier | length  | value |
//	|     |16?|bytes| 0..7  | 1 or 2 B   | 0..3 B  |       |
//	+-----+---+-----+-------+------------+---------+-------+
//
// Package lwm2m has the meaning of the values; the forms of numbers are here, since they are part of
// the format.
//
// Spec: Core 1.1.1 §7.4.3.
package tlv
