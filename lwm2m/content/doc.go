// Package content is the content formats in which Bootstrap Information travels: TLV, SenML
// JSON, SenML CBOR and LwM2M CBOR, and those that carry a single value (LwM2M Core 1.2
// §7.4). [Encode] and [Decode] are the way in and out. Values of Resources that package
// object defines have the type that is defined; others keep the type that the format tells.
package content
