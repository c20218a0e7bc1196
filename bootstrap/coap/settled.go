package coap

// A settled remembers the last requests of ours and the responses to them that came as
// messages of their own, so that one that comes again or too late is acknowledged
// instead of rejected (RFC 7252 §4.2, §4.5), and never taken for another.
type settled struct {
	tokens    [8]token // of requests, with or without an answer
	responses [16]response
	nextToken int
	nextReply int
}

// A response is what a duplicate of a separate response has in common with it.
type response struct {
	token token
	mid   uint16
}

// expect adds the token of a request.
func (s *settled) expect(t token) {
	if s.expected(t) {
		return // the blocks of one transfer share a token
	}
	s.tokens[s.nextToken] = t
	s.nextToken = (s.nextToken + 1) % len(s.tokens)
}

// expected reports whether t was the token of a request.
func (s *settled) expected(t token) bool {
	for _, have := range s.tokens {
		if have == t && t != "" { // ours are never empty
			return true
		}
	}
	return false
}

// accept notes a response and reports whether it is the first of its kind.
func (s *settled) accept(r response) bool {
	for _, have := range s.responses {
		if have == r {
			return false
		}
	}
	s.responses[s.nextReply] = r
	s.nextReply = (s.nextReply + 1) % len(s.responses)
	return true
}
