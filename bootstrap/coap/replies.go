package coap

import (
	"bytes"

	"lwbs/bootstrap"
)

// quirkForeignToken is what old Wakaama does after each answer without DTLS: it
// acknowledges the same message again, with 5.00 and an empty token.
const quirkForeignToken = "second acknowledgement with a foreign token"

// receiveReply takes an acknowledgement or RST. Both belong to a message of ours by
// its ID, and one that carries a response by its token as well (RFC 7252 §4.2,
// §5.3.2). Anything else is dropped in silence, so that this never waits for the network.
// It copies the payload, which may be in a buffer of the transport.
func (c *conn) receiveReply(m message) {
	if c.isAnswer(m) {
		c.prove() // before the request is seen as answered, and the next one goes out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.latest
	mine := e != nil && e.mid == m.mid
	if mine && m.kind == acknowledgement && m.isResponse() && m.token != e.token {
		c.quirk = quirkForeignToken
		mine = false
	}
	switch {
	case !mine || e.ended:
		c.hub.counters.dropped.add(DropStray)
	case m.kind == reset && m.code == codeEmpty:
		e.end(answer{err: bootstrap.ErrReset})
	case m.kind == acknowledgement && m.code == codeEmpty:
		e.acknowledge()
	case m.kind == acknowledgement && m.isResponse() && m.badOption == 0: // its token is right
		m.payload = bytes.Clone(m.payload)
		e.end(answer{message: m})
	default:
		c.hub.counters.dropped.add(DropStray)
	}
}

// isAnswer reports whether m acknowledges and answers our latest request.
func (c *conn) isAnswer(m message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.latest
	return e != nil && m.kind == acknowledgement && m.isResponse() && m.mid == e.mid && m.token == e.token
}

// receiveResponse takes a response in a message of its own: to the latest request,
// whether or not that was acknowledged (RFC 7252 §5.2.2), or to one before.
func (c *conn) receiveResponse(m message) {
	expected, first := c.recognise(m)
	if !expected {
		c.refuse(m)
		return
	}
	c.prove()
	if m.kind == confirmable {
		c.sendMessage(m.emptyReply(acknowledgement)) // before the request is seen as answered
	}
	if !first {
		c.hub.counters.duplicates.Add(1)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.latest; e.token == m.token && !e.ended {
		e.end(answer{message: m, separate: true})
	}
}

// recognise reports whether m answers a request of ours, and whether for the first
// time.
func (c *conn) recognise(m message) (expected, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.badOption != 0 || !c.settled.expected(m.token) {
		return false, false
	}
	return true, c.settled.accept(response{m.token, m.mid})
}
