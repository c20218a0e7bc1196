package coap

import (
	"slices"
	"time"
)

// maxRemembered is how many requests of one peer are remembered for their
// duplicates; at least maxUnderWay of them.
const maxRemembered = 16

// A request is one of the peer, remembered so that its duplicates are answered and not
// handled again (RFC 7252 §4.5).
type request struct {
	kind  kind
	mid   uint16
	token token
	came  time.Time

	// What follows is guarded by mu of the conn.
	answered bool
	reply    []byte // datagram; nil while there is none, or none is to be sent
}

// requests are those remembered of one peer, oldest first.
type requests []*request

// find returns the request that m is a duplicate of, nil where it is none. The same
// message ID with another token is another request: a device that was restarted, or
// another one behind the same address and port, may count from the same number.
func (rs requests) find(m message) *request {
	for _, r := range rs {
		if r.mid == m.mid && r.token == m.token {
			return r
		}
	}
	return nil
}

// add remembers m. What is too old goes, and what is oldest and answered makes room.
func (rs *requests) add(m message, now time.Time) *request {
	*rs = slices.DeleteFunc(*rs, func(r *request) bool {
		return r.answered && now.Sub(r.came) > exchangeLifetime
	})
	if len(*rs) >= maxRemembered {
		if i := slices.IndexFunc(*rs, func(r *request) bool { return r.answered }); i >= 0 {
			*rs = slices.Delete(*rs, i, i+1)
		}
	}
	r := &request{kind: m.kind, mid: m.mid, token: m.token, came: now}
	*rs = append(*rs, r)
	return r
}
