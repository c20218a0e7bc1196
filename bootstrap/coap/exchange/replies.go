package exchange

import (
	"bytes"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
)

// quirkForeignToken is what old Wakaama does after each answer without DTLS: it
// acknowledges the same message again, with 5.00 and an empty token.
const quirkForeignToken = "second acknowledgement with a foreign token"

// receiveReply takes an acknowledgement or RST. Both belong to a message of ours by
// its ID, and one that carries a response by its token as well (RFC 7252 §4.2,
// §5.3.2). Anything else is dropped without a reply, so that this never waits for the network.
// It copies the payload, which may be in a buffer of the transport.
func (c *Conn) receiveReply(m message.Message) {
	if c.isAnswer(m) {
		c.validate() // before the request is seen as answered, and the next one goes out
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.latest
	mine := e != nil && e.mid == m.ID
	if mine && m.Kind == message.Acknowledgement && m.IsResponse() && m.Token != e.token {
		c.quirk = quirkForeignToken
		mine = false
	}
	switch {
	case !mine || e.ended:
		c.hub.Meter.Dropped.Add(traffic.DropStray)
	case m.Kind == message.Reset && m.Code == message.CodeEmpty:
		e.end(answer{err: bootstrap.ErrReset})
	case m.Kind == message.Acknowledgement && m.Code == message.CodeEmpty:
		e.acknowledge()
	case m.Kind == message.Acknowledgement && m.IsResponse() && m.BadOption == 0: // its token is right
		m.Payload = bytes.Clone(m.Payload)
		e.end(answer{Message: m})
	default:
		c.hub.Meter.Dropped.Add(traffic.DropStray)
	}
}

// isAnswer reports whether m acknowledges and answers our latest request.
func (c *Conn) isAnswer(m message.Message) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.latest
	return e != nil && m.Kind == message.Acknowledgement && m.IsResponse() && m.ID == e.mid && m.Token == e.token
}

// receiveResponse takes a response in a message of its own: to the latest request,
// whether or not that was acknowledged (RFC 7252 §5.2.2), or to one before.
func (c *Conn) receiveResponse(m message.Message) {
	expected, first := c.recognise(m)
	if !expected {
		c.reject(m)
		return
	}
	c.validate()
	if m.Kind == message.Confirmable {
		c.sendMessage(m.EmptyReply(message.Acknowledgement)) // before the request is seen as answered
	}
	if !first {
		c.hub.Meter.Duplicates.Add(1)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.latest; e.token == m.Token && !e.ended {
		e.end(answer{Message: m, separate: true})
	}
}

// recognise reports whether m answers a request of ours, and whether for the first
// time.
func (c *Conn) recognise(m message.Message) (expected, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.BadOption != 0 || !c.responses.expected(m.Token) {
		return false, false
	}
	return true, c.responses.accept(response{m.Token, m.ID})
}
