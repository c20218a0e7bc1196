package exchange

import (
	"math"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"lwbs/bootstrap/coap/message"
)

// A Memory is what remains of the requests of a peer when its conn has ended, for the next conn: a
// duplicate that comes late is answered from it, and does not begin another session (RFC 7252 §4.5). A
// device retransmits its Bootstrap-Request when all is over, if the answer was lost and the session was
// faster than its time-out. Empty for nothing; at most [MaxMemory] bytes.
type Memory string

const (
	// keptRequests is how many requests a Memory has at most, the last ones: a device makes one, and a
	// second one where the first was refused.
	keptRequests = 4

	// maxKeptReply is the longest answer in a Memory, in bytes: that to a Bootstrap-Request has about 8. A
	// request with a longer one is left out, such as for a Bootstrap-Pack: its duplicate is handled anew,
	// as the client may still lack the answer.
	maxKeptReply = math.MaxUint8

	maxToken = 8 // RFC 7252 §5.3.1

	// MaxMemory is the size of the largest Memory, in bytes.
	MaxMemory = keptRequests * (8 + 1 + 2 + 1 + maxToken + 1 + maxKeptReply)
)

// Memory returns what is to be known of the requests until now: none of a peer whose address is not
// validated.
func (c *Conn) Memory(now time.Time) Memory {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unvalidated != nil {
		return ""
	}
	var kept []*rememberedRequest
	for _, r := range slices.Backward(c.remembered) {
		if r.answered && len(r.reply) <= maxKeptReply && now.Sub(r.came) <= message.ExchangeLifetime && len(kept) < keptRequests {
			kept = append(kept, r)
		}
	}
	if len(kept) == 0 {
		return ""
	}
	var b cryptobyte.Builder
	for _, r := range slices.Backward(kept) {
		b.AddUint64(uint64(r.came.UnixNano()))
		b.AddUint8(uint8(r.kind))
		b.AddUint16(r.mid)
		short := func(v []byte) { b.AddUint8LengthPrefixed(func(b *cryptobyte.Builder) { b.AddBytes(v) }) }
		short([]byte(r.token))
		short(r.reply)
	}
	return Memory(b.BytesOrPanic())
}

// requests are those of a Memory; what cannot be read is left out.
func (m Memory) requests() (all rememberedRequests) {
	in := cryptobyte.String(m)
	for len(all) < keptRequests && !in.Empty() {
		var came uint64
		var kind uint8
		r := &rememberedRequest{answered: true}
		var token, reply cryptobyte.String
		if !in.ReadUint64(&came) || !in.ReadUint8(&kind) || !in.ReadUint16(&r.mid) ||
			!in.ReadUint8LengthPrefixed(&token) || !in.ReadUint8LengthPrefixed(&reply) {
			return all
		}
		r.came, r.kind, r.token = time.Unix(0, int64(came)), message.Kind(kind), message.Token(token)
		if len(reply) > 0 {
			r.reply = reply
		}
		all = append(all, r)
	}
	return all
}
