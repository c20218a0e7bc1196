// Package lwm2m is the vocabulary of OMA Lightweight M2M as a Bootstrap-Server
// needs it: paths and typed values, the Objects of Bootstrap Information, the
// content formats they travel in, and the rules that make a configuration
// consistent. It does no input or output and knows no CoAP library.
//
// Names are those of the LwM2M Core specification, spelled out. Durations are
// [time.Duration] in Go and whole seconds on the wire.
package lwm2m
