// Package content encodes and decodes the content formats of Bootstrap Information: TLV, SenML JSON,
// SenML CBOR and LwM2M CBOR, and those for a single value (LwM2M Core 1.2 §7.4); see [Encode] and
// [Decode]. Values have the type that the definition of the Resource in package object has, else the
// type that the format has.
package content
