package coap

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"
)

const (
	// cookieSize is the size of a cookie in bytes, as pion has it.
	cookieSize = 20

	// cookiePeriod is after what time a cookie is made in another way. One is good until
	// the end of the second period after its own: a client in a constrained network returns
	// it for the fourth time after 63 s (RFC 7925 §11).
	cookiePeriod = time.Minute
)

// A cookieMaker makes the cookies that show whether a peer is where it says it is
// (RFC 6347 §4.2.1). A cookie follows from the peer and its ClientHello, so that nothing
// is remembered of a peer before it has returned one: forged addresses cost an answer.
type cookieMaker struct{ key []byte }

func newCookieMaker() cookieMaker {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return cookieMaker{key}
}

// cookie returns the cookie for a ClientHello with that random.
func (m cookieMaker) cookie(peer udpPeer, random [clientRandom]byte, now time.Time) []byte {
	return m.ofPeriod(peer, random, periodOf(now))
}

// check reports whether cookie is one that the peer was sent.
func (m cookieMaker) check(cookie []byte, peer udpPeer, random [clientRandom]byte, now time.Time) bool {
	for p := periodOf(now); p >= periodOf(now)-2; p-- {
		if hmac.Equal(cookie, m.ofPeriod(peer, random, p)) {
			return true
		}
	}
	return false
}

func periodOf(now time.Time) int64 { return now.Unix() / int64(cookiePeriod/time.Second) }

func (m cookieMaker) ofPeriod(peer udpPeer, random [clientRandom]byte, period int64) []byte {
	h := hmac.New(sha256.New, m.key)
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 128), uint64(period))
	b = appendAddr(b, peer.remote.Addr())
	b = binary.BigEndian.AppendUint16(b, peer.remote.Port())
	b = appendAddr(b, peer.local)
	h.Write(append(b, random[:]...))
	return h.Sum(b[:0])[:cookieSize]
}

// appendAddr appends a with its length, so that no two lists of them are the same bytes.
func appendAddr(b []byte, a netip.Addr) []byte {
	text := a.AsSlice()
	return append(append(b, byte(len(text))), text...)
}

// challenge is the HelloVerifyRequest with a cookie. Its record always has number 0, as
// if there were a state that begins with it: what the state begins with that there will
// be has number 1, and a client takes no number twice. RFC 6347 §4.2.1 wants the number
// of the ClientHello, which would then be in the way.
func challenge(cookie []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, version12)
	body = append(append(body, byte(len(cookie))), cookie...)
	b := []byte{handshakeRecord, version12 >> 8, version12 & 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(handshakeHeader+len(body)))
	b = append(b, helloVerifyRequest, 0, 0, byte(len(body)), 0, 0, 0, 0, 0, 0, 0, byte(len(body)))
	return append(b, body...)
}

// sequenceAt is where the number of a record is in its header, behind the epoch.
const sequenceAt = 5

// A wholeHello is a ClientHello that is all there is in a datagram.
type wholeHello struct {
	header  []byte // of the record
	message uint16 // message_seq
	opening []byte // version, random and session ID
	cookie  []byte
	rest    []byte
}

// random is the one of the ClientHello.
func (h wholeHello) random() (r [clientRandom]byte) {
	copy(r[:], h.opening[2:])
	return r
}

// parseWholeHello takes a datagram apart; ok is false where it is something else.
func parseWholeHello(b []byte) (h wholeHello, ok bool) {
	r, rest, ok := nextRecord(b)
	if !ok || len(rest) > 0 || len(r.content) < handshakeHeader || r.content[0] != clientHello {
		return h, false
	}
	head, body := r.content[:handshakeHeader], r.content[handshakeHeader:]
	if uint24(head[1:]) != len(body) || uint24(head[6:]) != 0 || uint24(head[9:]) != len(body) || len(body) < 2+clientRandom {
		return h, false
	}
	_, behind, ok := cutVector(body[2+clientRandom:])
	if !ok {
		return h, false
	}
	h.header, h.message = r.header, binary.BigEndian.Uint16(head[4:])
	h.opening = body[:len(body)-len(behind)]
	h.cookie, h.rest, ok = cutVector(behind)
	return h, ok
}

// before returns the ClientHello that h followed, with its cookie empty; ok is false
// where none can have come before.
func (h wholeHello) before() (b []byte, ok bool) {
	number := binary.BigEndian.Uint64(h.header[sequenceAt-2:]) // epoch 0 in front
	if number == 0 || h.message != 1 {
		return nil, false
	}
	body := append(bytes.Clone(h.opening), 0)
	body = append(body, h.rest...)
	n := len(body)
	b = bytes.Clone(h.header)
	binary.BigEndian.PutUint64(b[sequenceAt-2:], number-1)
	binary.BigEndian.PutUint16(b[recordHeader-2:], uint16(handshakeHeader+n))
	b = append(b, clientHello, 0, byte(n>>8), byte(n), 0, 0, 0, 0, 0, 0, byte(n>>8), byte(n))
	return append(b, body...), true
}
