package hello

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"time"

	"lwbs/bootstrap/coap/dtls/record"
	"lwbs/bootstrap/coap/udp"
)

const (
	// cookieSize is the size of a cookie in bytes, as pion has it.
	cookieSize = 20

	// cookiePeriod is after what time a cookie is made in another way. One is good until
	// the end of the second period after its own: a client in a constrained network returns
	// it for the fourth time after 63 s (RFC 7925 §11).
	cookiePeriod = time.Minute
)

// A CookieMaker makes the cookies that show whether a peer is where it says it is
// (RFC 6347 §4.2.1). A cookie follows from the peer and its ClientHello, so that nothing
// is remembered of a peer before it has returned one: forged addresses cost an answer.
type CookieMaker struct{ key []byte }

// NewCookieMaker returns a CookieMaker with a random key.
func NewCookieMaker() CookieMaker {
	key := make([]byte, sha256.Size)
	rand.Read(key) // never fails
	return CookieMaker{key}
}

// Cookie returns the cookie for a ClientHello with that random.
func (m CookieMaker) Cookie(peer udp.Peer, random [record.RandomSize]byte, now time.Time) []byte {
	return m.ofPeriod(peer, random, periodOf(now))
}

// Check reports whether cookie is one that the peer was sent.
func (m CookieMaker) Check(cookie []byte, peer udp.Peer, random [record.RandomSize]byte, now time.Time) bool {
	for p := periodOf(now); p >= periodOf(now)-2; p-- {
		if hmac.Equal(cookie, m.ofPeriod(peer, random, p)) {
			return true
		}
	}
	return false
}

func periodOf(now time.Time) int64 { return now.Unix() / int64(cookiePeriod/time.Second) }

func (m CookieMaker) ofPeriod(peer udp.Peer, random [record.RandomSize]byte, period int64) []byte {
	h := hmac.New(sha256.New, m.key)
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 128), uint64(period))
	b = appendAddr(b, peer.Remote.Addr())
	b = binary.BigEndian.AppendUint16(b, peer.Remote.Port())
	b = appendAddr(b, peer.Local)
	h.Write(append(b, random[:]...))
	return h.Sum(b[:0])[:cookieSize]
}

// appendAddr appends a with its length, so that no two lists of them are the same bytes.
func appendAddr(b []byte, a netip.Addr) []byte {
	text := a.AsSlice()
	return append(append(b, byte(len(text))), text...)
}

// Challenge is the HelloVerifyRequest with a cookie. Its record always has number 0, as
// if there were a state that begins with it: what the state begins with that there will
// be has number 1, and a client takes no number twice. RFC 6347 §4.2.1 wants the number
// of the ClientHello, which would then be in the way.
func Challenge(cookie []byte) []byte {
	body := binary.BigEndian.AppendUint16(nil, record.Version12)
	body = append(append(body, byte(len(cookie))), cookie...)
	b := []byte{record.TypeHandshake, record.Version12 >> 8, record.Version12 & 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(record.HandshakeHeader+len(body)))
	b = append(b, record.HelloVerifyRequest, 0, 0, byte(len(body)), 0, 0, 0, 0, 0, 0, 0, byte(len(body)))
	return append(b, body...)
}
