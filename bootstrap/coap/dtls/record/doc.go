// Package record has the records of DTLS 1.2 (RFC 6347 §4.1, RFC 9146): it cuts a datagram into
// [Record]s, and a [Layer] protects and opens those of one association, with the cipher suites
// that a server has. It also has the numbers of suites, versions and message types, and the
// vectors of which handshake messages are made (RFC 5246 §4.3).
//
// A Layer begins with the master secret that a handshake has agreed upon, whoever has run it, so that an association needs no goroutine and little memory, and can be written to disk
// and restored.
//
// Nothing here does input or output.
package record
