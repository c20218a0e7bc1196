package hello

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

const (
	// MaxHello is the longest ClientHello that brings a cookie, in bytes, whole or in fragments:
	// that of a client with a post-quantum key share for DTLS 1.3 has some 2,000.
	MaxHello = 4096

	// maxSpans is how many parts of one, with gaps between them, are kept.
	maxSpans = 16

	// maxBeginning is more than a ClientHello has up to the end of its cookie.
	maxBeginning = 512
)

// A helloPart is a fragment of a ClientHello (RFC 6347 §4.2.3). All of it aliases the
// datagram.
type helloPart struct {
	record  []byte // header of the record that it came in
	message []byte // header and data of the fragment
}

func (p helloPart) length() int  { return record.Uint24(p.message[1:]) } // of the whole
func (p helloPart) number() int  { return int(binary.BigEndian.Uint16(p.message[4:])) }
func (p helloPart) offset() int  { return record.Uint24(p.message[6:]) }
func (p helloPart) data() []byte { return p.message[record.HandshakeHeader:] }
func (p helloPart) hello() Hello { return Parse(p.message) }

// secondHelloParts returns the fragments of a second ClientHello, the one that brings the
// cookie, in a datagram. Those that are empty or contradict themselves are left out.
func secondHelloParts(b []byte) (parts []helloPart) {
	for len(b) > 0 {
		r, rest, ok := record.Next(b)
		if !ok {
			return parts
		}
		b = rest
		if r.Epoch() != record.PlainEpoch || r.ContentType() != record.TypeHandshake {
			continue
		}
		for c := r.Content; len(c) >= record.HandshakeHeader; {
			n := record.HandshakeHeader + record.Uint24(c[9:])
			if n > len(c) {
				break
			}
			p := helloPart{record: r.Header, message: c[:n:n]}
			c = c[n:]
			if p.message[0] == record.ClientHello && p.number() == 1 && p.length() <= MaxHello &&
				len(p.data()) > 0 && p.offset()+len(p.data()) <= p.length() {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

// A span is a part of a message that has come: the bytes from one offset up to another.
type span struct{ from, to int }

// spans are in order, and neither touch nor overlap.
type spans []span

// with returns the spans with one more.
func (s spans) with(n span) spans {
	i := 0
	for i < len(s) && s[i].to < n.from {
		i++
	}
	j := i
	for ; j < len(s) && s[j].from <= n.to; j++ {
		n.from, n.to = min(n.from, s[j].from), max(n.to, s[j].to)
	}
	return slices.Replace(slices.Clone(s), i, j, n)
}

// A partial is a ClientHello of which something is missing.
type partial struct {
	peer udp.Peer
	net  netip.Prefix
	came time.Time // the last part

	record []byte // header of the record that its beginning came in; nil before that
	body   []byte // as long as the whole is
	have   spans

	// trusted is how much of the body came with a valid cookie, which only the client knows. Of
	// the rest the newest counts, so that what was forged does not stay.
	trusted int
}

// put adds a part, which is validated where it has a valid cookie, and reports whether there was room.
func (p *partial) put(part helloPart, validated bool) bool {
	from, data := part.offset(), part.data()
	if validated {
		p.trusted = max(p.trusted, len(data))
		p.record = slices.Clone(part.record)
	} else if from < p.trusted {
		data = data[min(len(data), p.trusted-from):]
		from = p.trusted
	}
	have := p.have.with(span{from, from + len(data)})
	if len(have) > maxSpans {
		return false
	}
	p.have = have
	copy(p.body[from:], data)
	if from == 0 {
		p.record = slices.Clone(part.record)
	}
	return true
}

// message returns the handshake message, with n bytes of its body.
func (p *partial) message(n int) []byte {
	total := len(p.body)
	b := []byte{record.ClientHello, byte(total >> 16), byte(total >> 8), byte(total), 0, 1, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)}
	return append(b, p.body[:n]...)
}

// beginning is what is known of the ClientHello up to its cookie.
func (p *partial) beginning() Hello {
	if len(p.have) == 0 || p.have[0].from != 0 {
		return Hello{}
	}
	return Parse(p.message(min(p.have[0].to, maxBeginning)))
}

// endOf is where the cookie ends in the body, behind version, random and session ID.
func (p *partial) endOf(cookie []byte) int {
	const sessionID = 2 + record.RandomSize
	return sessionID + 1 + int(p.body[sessionID]) + 1 + len(cookie)
}

// whole returns the datagram that the parts would have been in one piece. Its record has the
// number behind that of the first ClientHello, which no later record of the client has.
func (p *partial) whole() (b []byte, ok bool) {
	if len(p.have) != 1 || p.have[0] != (span{0, len(p.body)}) {
		return nil, false
	}
	message := p.message(len(p.body))
	b = slices.Clone(p.record)
	binary.BigEndian.PutUint64(b[sequenceAt-2:], 1) // epoch 0 in front
	binary.BigEndian.PutUint16(b[record.HeaderSize-2:], uint16(len(message)))
	return append(b, message...), true
}
