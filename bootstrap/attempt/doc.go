// Package attempt keeps the records of attempts that become no session: handshakes that did not
// complete, associations without a request, datagrams of other protocols, records that no
// association opens, and requests that are refused.
//
// A [Recorder] begins such a record, notes whose attempt it is, and ends it. [Reports] is what
// listeners tell of attempts that never became a request. An attempt counts against a device only
// where the peer has proved to be that device.
package attempt
