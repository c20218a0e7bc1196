// Package outcome says how an attempt to bootstrap ended, in the form that a record of the
// history, the log and the client get.
//
// A [Failure] is the cause with a detail for the operator. A [Refusal] is a Failure with the
// answer that the client gets to its Bootstrap-Request. What a peer sent is in them only as
// [Printable] makes it: without control characters and cut at a limit.
//
// The package is a leaf: every package of bootstrap that can fail names its failures with it.
package outcome
