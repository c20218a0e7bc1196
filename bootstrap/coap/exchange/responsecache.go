package exchange

import (
	"lwbs/bootstrap/coap/message"
)

// A responseCache remembers the last requests of ours, and the separate responses to them, for
// deduplication: a response that comes again or too late is acknowledged instead of rejected
// (RFC 7252 §4.2, §4.5), and never taken for another.
type responseCache struct {
	tokens       [8]message.Token // of requests, with or without an answer
	responses    [16]response
	nextToken    int
	nextResponse int
}

// A response is what a duplicate of a separate response has in common with it.
type response struct {
	token message.Token
	mid   uint16
}

// expect adds the token of a request.
func (s *responseCache) expect(t message.Token) {
	if s.expected(t) {
		return // the blocks of one transfer share a token
	}
	s.tokens[s.nextToken] = t
	s.nextToken = (s.nextToken + 1) % len(s.tokens)
}

// expected reports whether t was the token of a request.
func (s *responseCache) expected(t message.Token) bool {
	for _, have := range s.tokens {
		if have == t && t != "" { // ours are never empty
			return true
		}
	}
	return false
}

// accept notes a response and reports whether it is the first of its kind.
func (s *responseCache) accept(r response) bool {
	for _, have := range s.responses {
		if have == r {
			return false
		}
	}
	s.responses[s.nextResponse] = r
	s.nextResponse = (s.nextResponse + 1) % len(s.responses)
	return true
}
