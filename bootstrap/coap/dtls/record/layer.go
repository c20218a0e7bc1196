package record

import (
	"bytes"
	"encoding/binary"
	"errors"

	"lwbs/bootstrap/coap/traffic"
)

// A Layer protects the records of one association as DTLS 1.2 does after its
// handshake (RFC 6347 §4.1, RFC 9146), in epoch 1: there is no renegotiation. It is the
// server's side. Not for concurrent use.
//
// Two things must hold whatever happens, also over a restart: no number is used twice
// for a record of ours, as that would give away what the cipher hides; and no record of
// the peer is taken twice.
type Layer struct {
	Suite   Suite
	Keys    []byte // of both directions; see [protection.keyBlock]
	OwnCID  []byte // in what the peer sends; nil without connection IDs
	PeerCID []byte // in what we send; may be empty beside one of ours

	Next  uint64 // number of our next record
	Limit uint64 // numbers from here on must not be used, yet
	Taken ReplayWindow

	reads, writes recordCipher // nil until they are needed
}

// MaxNumber is the highest number of a record (RFC 6347 §4.1).
const MaxNumber = 1<<48 - 1

// maxContent is the most that one record carries, in bytes (RFC 5246 §6.2.1).
const maxContent = 1 << 14

// Why a record is not sent.
var (
	errNumbers = errors.New("no record number left")
	errContent = errors.New("too much for one record")
)

// NewLayer returns what follows a handshake of these secrets, in which the server
// has sent records up to the number before next. ownCID is nil where the client wanted
// none.
func NewLayer(suite Suite, master, clientRandom, serverRandom, ownCID, peerCID []byte, next uint64) Layer {
	return Layer{
		Suite:   suite,
		Keys:    protections[suite].keyBlock(master, clientRandom, serverRandom),
		OwnCID:  ownCID,
		PeerCID: peerCID,
		Next:    next,
		Limit:   MaxNumber + 1,
	}
}

// Reservation is the limit after n numbers are reserved.
func (l *Layer) Reservation(n uint64) uint64 { return min(l.Next+n, MaxNumber+1) }

// Scarce reports whether of n reserved numbers less than half are left.
func (l *Layer) Scarce(n uint64) bool { return l.Limit <= MaxNumber && l.Limit-l.Next < n/2 }

// An Opened is a record of the peer that is authentic.
type Opened struct {
	ContentType byte
	Content     []byte // belongs to the caller
	Newest      bool   // none before it had a higher number
}

// Open opens a record of the peer, and returns why not. What is not authentic changes
// nothing.
func (l *Layer) Open(r Record) (Opened, traffic.DropReason) {
	if r.Epoch() != SealedEpoch || r.Version() != Version12 || !l.addressed(r) {
		return Opened{}, traffic.DropOutOfPlace
	}
	number := r.Number()
	if !l.Taken.fresh(number) {
		return Opened{}, traffic.DropReplayed
	}
	out, ok := l.Decrypt(r)
	if !ok {
		return Opened{}, traffic.DropNotAuthentic
	}
	out.Newest = l.Taken.take(number)
	return out, traffic.NotDropped
}

// addressed reports whether r has the connection ID that it must have, if any.
func (l *Layer) addressed(r Record) bool {
	if r.ContentType() == TypeCID {
		return bytes.Equal(r.CID(), l.OwnCID)
	}
	return l.OwnCID == nil
}

// Decrypt opens r whether or not it came before.
func (l *Layer) Decrypt(r Record) (out Opened, ok bool) {
	reads, err := l.reader()
	if err != nil {
		return out, false
	}
	h := protectedHeader{number: SealedEpoch<<48 | r.Number(), contentType: r.ContentType(), version: r.Version()}
	if l.OwnCID != nil {
		h.cid = r.CID()
	}
	if out.Content, ok = reads.open(h, r.Content); !ok || l.OwnCID == nil {
		out.ContentType = r.ContentType()
		return out, ok
	}
	// Behind the content come its true type and zeros (RFC 9146 §4).
	for end := len(out.Content) - 1; end >= 0; end-- {
		if out.ContentType = out.Content[end]; out.ContentType != 0 {
			out.Content = out.Content[:end]
			return out, true
		}
	}
	return out, false
}

// Seal returns the record that carries content, with the next number. Its errors are
// errNumbers and errContent, or that of a cipher with keys of a wrong length.
func (l *Layer) Seal(contentType byte, content []byte) ([]byte, error) {
	switch {
	case len(content) > maxContent:
		return nil, errContent
	case l.Next >= l.Limit:
		return nil, errNumbers
	}
	writes, err := l.writer()
	if err != nil {
		return nil, err
	}
	h := protectedHeader{number: SealedEpoch<<48 | l.Next, contentType: contentType, version: Version12}
	l.Next++
	if len(l.PeerCID) > 0 {
		inner := make([]byte, 0, len(content)+1)
		content = append(append(inner, content...), contentType)
		h.contentType, h.cid = TypeCID, l.PeerCID
	}
	b := make([]byte, 0, HeaderSize+len(h.cid)+len(content)+maxOverhead)
	b = append(b, h.contentType, Version12>>8, Version12&0xff)
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = append(b, h.cid...)
	b = append(b, 0, 0)
	header := len(b)
	b = writes.seal(b, h, content)
	binary.BigEndian.PutUint16(b[header-2:], uint16(len(b)-header))
	return b, nil
}

// Released reports whether it holds no ciphers.
func (l *Layer) Released() bool { return l.reads == nil && l.writes == nil }

// ClientSide returns the layer of the client, which opens what l seals and seals what l opens.
// Only tests play clients with it.
func (l *Layer) ClientSide() (*Layer, error) {
	c := &Layer{Suite: l.Suite, Keys: l.Keys, Limit: MaxNumber + 1}
	if l.OwnCID != nil {
		c.PeerCID = l.OwnCID
		if len(l.PeerCID) > 0 {
			c.OwnCID = l.PeerCID
		}
	}
	p := protections[l.Suite]
	client, server := p.split(l.Keys)
	var err error
	if c.reads, err = p.cipher(server); err != nil {
		return nil, err
	}
	c.writes, err = p.cipher(client)
	return c, err
}

// maxOverhead is the most that any protection adds, in bytes: that with a MAC.
const maxOverhead = 16 + 32 + 16

// reader returns the cipher of what the peer sends, and writer that of what is sent to it.
func (l *Layer) reader() (recordCipher, error) {
	p := protections[l.Suite]
	client, _ := p.split(l.Keys)
	return made(&l.reads, p, client)
}

func (l *Layer) writer() (recordCipher, error) {
	p := protections[l.Suite]
	_, server := p.split(l.Keys)
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

// Release gives the ciphers up, which have most of the size of a record layer and are quickly
// made again.
func (l *Layer) Release() { l.reads, l.writes = nil, nil }
