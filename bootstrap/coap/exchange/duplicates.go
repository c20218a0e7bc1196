package exchange

import (
	"slices"
	"time"

	"lwbs/bootstrap/coap/message"
)

// maxRemembered is how many requests of one peer are remembered for their
// duplicates; at least maxHandling of them.
const maxRemembered = 16

// A rememberedRequest is a request of the peer, remembered so that its duplicates are answered and
// not handled again (RFC 7252 §4.5).
type rememberedRequest struct {
	kind  message.Kind
	mid   uint16
	token message.Token
	came  time.Time

	// What follows is guarded by mu of the conn.
	answered bool
	reply    []byte // datagram; nil while there is none, or none is to be sent
}

// rememberedRequests are those remembered of one peer, oldest first.
type rememberedRequests []*rememberedRequest

// find returns the request that m is a duplicate of, nil where it is none. The same
// message ID with another token is another request: a device that was restarted, or
// another one behind the same address and port, may count from the same number.
func (rs rememberedRequests) find(m message.Message) *rememberedRequest {
	for _, r := range rs {
		if r.mid == m.ID && r.token == m.Token {
			return r
		}
	}
	return nil
}

// add remembers m. What is too old goes, and what is oldest and answered makes room.
func (rs *rememberedRequests) add(m message.Message, now time.Time) *rememberedRequest {
	*rs = slices.DeleteFunc(*rs, func(r *rememberedRequest) bool {
		return r.answered && now.Sub(r.came) > message.ExchangeLifetime
	})
	if len(*rs) >= maxRemembered {
		if i := slices.IndexFunc(*rs, func(r *rememberedRequest) bool { return r.answered }); i >= 0 {
			*rs = slices.Delete(*rs, i, i+1)
		}
	}
	r := &rememberedRequest{kind: m.Kind, mid: m.ID, token: m.Token, came: now}
	*rs = append(*rs, r)
	return r
}
