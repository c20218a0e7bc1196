package pion

import (
	"bytes"
	"encoding/hex"
	"errors"

	"lwbs/bootstrap/coap/dtls/record"
)

// An Agreement is what a complete handshake has agreed upon.
type Agreement struct {
	Suite        record.Suite
	Identity     string // of the client; empty for one with a certificate
	Master       []byte // secret, 48 bytes
	ServerRandom []byte
	Flight       []byte // the last of the server, one datagram
	Next         uint64 // number of the next record of the server
}

// errStateLayout: pion does not tell what it did before.
var errStateLayout = errors.New("no keys after the handshake")

// A masterSecret is that of a handshake as pion logs it in the format of NSS: label, random
// and secret in hexadecimal. Of the ways that pion has to give it away this takes a
// microsecond; the state of an association, which is gob, takes ninety.
type masterSecret []byte

// Write implements [io.Writer].
func (s *masterSecret) Write(line []byte) (int, error) {
	fields := bytes.Fields(line)
	if len(fields) == 3 && string(fields[0]) == "CLIENT_RANDOM" {
		*s, _ = hex.AppendDecode(nil, fields[2])
	}
	return len(line), nil
}

// A flightWatch looks at what a server sends for its random and its last flight.
type flightWatch struct {
	random []byte
	flight []byte
	next   uint64 // number of the record after that flight
}

// look reports whether b is the last flight: ChangeCipherSpec and Finished, which are so
// small that they always are in one datagram.
func (w *flightWatch) look(b []byte) bool {
	if body, ok := record.SentHandshake(b, record.ServerHello); ok && len(body) >= 2+record.RandomSize {
		w.random = bytes.Clone(body[2 : 2+record.RandomSize])
	}
	first, finished, ok := record.Next(b)
	if !ok || first.ContentType() != record.TypeChangeCipherSpec || len(finished) < record.HeaderSize {
		return false
	}
	w.flight = bytes.Clone(b)
	w.next = record.Record{Header: finished}.Number() + 1
	return true
}
