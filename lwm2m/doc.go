// Package lwm2m is the vocabulary of OMA Lightweight M2M as a Bootstrap-Server needs it:
// IDs, paths, typed values, secrets, codes and operations, and the Objects of Bootstrap
// Information. It does no input or output and knows no CoAP library. The packages below it
// define Objects (object), read and write content formats (content) and link format (link),
// and check that a configuration is consistent (check).
//
// Names are those of the LwM2M Core specification, spelled out. Durations are
// [time.Duration] in Go and whole seconds on the wire.
package lwm2m
