// Package history keeps how attempts and sessions ended, within bounds.
//
// A [History] writes each session that ran. A refused attempt costs a peer one datagram: the same
// failure again and again is coalesced into one record, and unauthenticated peers have a quota
// of records, whole and for each network. What exceeds it is counted, so that a flood neither
// fills the disk nor hides what a device did.
//
// [Addresses] remembers which device last used an address and port for a DTLS association. So a record of an
// association that the server does not have any more is reported for the device that may have sent it.
//
// The package does not decide why an attempt ended: that is in its record already.
package history
