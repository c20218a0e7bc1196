package coap

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// A recordLayer protects the records of one association as DTLS 1.2 does after its
// handshake (RFC 6347 §4.1, RFC 9146), in epoch 1: there is no renegotiation. It is the
// server's side. Not for concurrent use.
//
// Two things must hold whatever happens, also over a restart: no number is used twice
// for a record of ours, as that would give away what the cipher hides; and no record of
// the peer is taken twice.
type recordLayer struct {
	suite   Suite
	keys    []byte // of both directions; see [protection.keyBlock]
	ownCID  []byte // in what the peer sends; nil without connection IDs
	peerCID []byte // in what we send; may be empty beside one of ours

	next  uint64 // number of our next record
	limit uint64 // numbers from here on must not be used, yet
	taken replayWindow

	reads, writes recordCipher // nil until they are needed
}

// maxNumber is the highest number of a record (RFC 6347 §4.1).
const maxNumber = 1<<48 - 1

// maxContent is the most that one record carries, in bytes (RFC 5246 §6.2.1).
const maxContent = 1 << 14

// Why a record is not sent.
var (
	errNumbers = errors.New("no record number left")
	errContent = errors.New("too much for one record")
)

// newRecordLayer returns what follows a handshake of these secrets, in which the server
// has sent records up to the number before next. ownCID is nil where the client wanted
// none.
func newRecordLayer(suite Suite, master, clientRandom, serverRandom, ownCID, peerCID []byte, next uint64) recordLayer {
	return recordLayer{
		suite:   suite,
		keys:    protections[suite].keyBlock(master, clientRandom, serverRandom),
		ownCID:  ownCID,
		peerCID: peerCID,
		next:    next,
		limit:   maxNumber + 1,
	}
}

// reservation is the limit after n numbers are reserved.
func (l *recordLayer) reservation(n uint64) uint64 { return min(l.next+n, maxNumber+1) }

// scarce reports whether of n reserved numbers less than half are left.
func (l *recordLayer) scarce(n uint64) bool { return l.limit <= maxNumber && l.limit-l.next < n/2 }

// An openedRecord is a record of the peer that is authentic.
type openedRecord struct {
	contentType byte
	content     []byte // belongs to the caller
	newest      bool   // none before it had a higher number
}

// open opens a record of the peer, and returns why not. What is not authentic changes
// nothing.
func (l *recordLayer) open(r record) (openedRecord, DropReason) {
	if r.epoch() != sealedEpoch || r.version() != version12 || !l.addressed(r) {
		return openedRecord{}, DropOutOfPlace
	}
	number := r.number()
	if !l.taken.fresh(number) {
		return openedRecord{}, DropReplayed
	}
	out, ok := l.decrypt(r)
	if !ok {
		return openedRecord{}, DropNotAuthentic
	}
	out.newest = l.taken.take(number)
	return out, notDropped
}

// addressed reports whether r has the connection ID that it must have, if any.
func (l *recordLayer) addressed(r record) bool {
	if r.contentType() == cidRecord {
		return bytes.Equal(r.cid(), l.ownCID)
	}
	return l.ownCID == nil
}

// decrypt opens r whether or not it came before.
func (l *recordLayer) decrypt(r record) (out openedRecord, ok bool) {
	reads, err := l.reader()
	if err != nil {
		return out, false
	}
	h := sealedHeader{number: sealedEpoch<<48 | r.number(), contentType: r.contentType(), version: r.version()}
	if l.ownCID != nil {
		h.cid = r.cid()
	}
	if out.content, ok = reads.open(h, r.content); !ok || l.ownCID == nil {
		out.contentType = r.contentType()
		return out, ok
	}
	// Behind the content come its true type and zeros (RFC 9146 §4).
	for end := len(out.content) - 1; end >= 0; end-- {
		if out.contentType = out.content[end]; out.contentType != 0 {
			out.content = out.content[:end]
			return out, true
		}
	}
	return out, false
}

// seal returns the record that carries content, with the next number. Its errors are
// errNumbers and errContent, or that of a cipher with keys of a wrong length.
func (l *recordLayer) seal(contentType byte, content []byte) ([]byte, error) {
	switch {
	case len(content) > maxContent:
		return nil, errContent
	case l.next >= l.limit:
		return nil, errNumbers
	}
	writes, err := l.writer()
	if err != nil {
		return nil, err
	}
	h := sealedHeader{number: sealedEpoch<<48 | l.next, contentType: contentType, version: version12}
	l.next++
	if len(l.peerCID) > 0 {
		inner := make([]byte, 0, len(content)+1)
		content = append(append(inner, content...), contentType)
		h.contentType, h.cid = cidRecord, l.peerCID
	}
	b := make([]byte, 0, recordHeader+len(h.cid)+len(content)+maxOverhead)
	b = append(b, h.contentType, version12>>8, version12&0xff)
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = append(b, h.cid...)
	b = append(b, 0, 0)
	header := len(b)
	b = writes.seal(b, h, content)
	binary.BigEndian.PutUint16(b[header-2:], uint16(len(b)-header))
	return b, nil
}

// maxOverhead is the most that any protection adds, in bytes: that with a MAC.
const maxOverhead = 16 + 32 + 16

// reader returns the cipher of what the peer sends, and writer that of what is sent to it.
func (l *recordLayer) reader() (recordCipher, error) {
	p := protections[l.suite]
	client, _ := p.split(l.keys)
	return made(&l.reads, p, client)
}

func (l *recordLayer) writer() (recordCipher, error) {
	p := protections[l.suite]
	_, server := p.split(l.keys)
	return made(&l.writes, p, server)
}

// made returns the cipher that c has, and makes it where there is none.
func made(c *recordCipher, p protection, keys directionKeys) (recordCipher, error) {
	if *c != nil {
		return *c, nil
	}
	var err error
	*c, err = p.cipher(keys)
	return *c, err
}

// rest gives the ciphers up, which have most of the size of a record layer and are quickly
// made again.
func (l *recordLayer) rest() { l.reads, l.writes = nil, nil }
