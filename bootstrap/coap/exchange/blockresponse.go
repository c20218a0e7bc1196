package exchange

import (
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// A blockResponse is an answer that the peer fetches in blocks, kept for the blocks to come.
type blockResponse struct {
	request  message.Message
	response message.Message // whole
	until    time.Time

	permitted func() bool // asked before each block; nil permits all
}

// responseTo turns the answer of the handler to m into the message that carries it,
// or its first block.
func (c *Conn) responseTo(m message.Message, resp bootstrap.Response) message.Message {
	out := message.Message{Code: resp.Code, ContentFormat: resp.ContentFormat, Payload: resp.Payload, MaxAge: uint32(resp.MaxAge / time.Second)}
	if len(out.Payload) > message.MaxBody {
		c.hub.cfg.Logger.Error("handler answered with too much", "remote", c.peer.Remote, "bytes", len(out.Payload))
		out = message.Message{Code: lwm2m.CodeInternalServerError}
	}
	if m.Block1 != nil {
		out.Block1 = &message.Block{Num: m.Block1.Num, SZX: m.Block1.SZX} // the last one
	}
	return c.blockOf(m, out, resp.Permitted)
}

// continued returns the reply to a request for a later block of an answer that is
// kept; nil where it is not such a request. One for an answer that is no longer kept
// goes to the handler again where that does no harm (RFC 7959 §2.4).
func (c *Conn) continued(m message.Message) *message.Message {
	if m.Block2 == nil || m.Block2.Num == 0 {
		return nil
	}
	c.mu.Lock()
	s := c.blockwise
	c.mu.Unlock()
	switch {
	case s != nil && time.Now().Before(s.until) && s.request.SameResource(m):
		if s.permitted != nil && !s.permitted() {
			return &message.Message{Code: lwm2m.CodeRequestIncomplete}
		}
		out := c.blockOf(m, s.response, s.permitted)
		return &out
	case m.Code == lwm2m.Code(bootstrap.GET):
		return nil
	}
	return &message.Message{Code: lwm2m.CodeRequestIncomplete}
}

// blockOf returns the block of out that m asks for, or the first where out is more than
// one block. An error is never cut: its text is short.
func (c *Conn) blockOf(m, out message.Message, permitted func() bool) message.Message {
	wanted := message.Block{SZX: message.SizeExponent(c.blockSize())}
	if m.Block2 != nil {
		if m.Block2.Num > 0 || m.Block2.SZX < wanted.SZX {
			wanted = *m.Block2
		}
	}
	switch {
	case !out.Code.Success(), len(out.Payload) <= wanted.Size() && m.Block2 == nil, len(out.Payload) == 0:
		return out
	case wanted.Offset() >= len(out.Payload):
		return message.Message{Code: lwm2m.CodeBadRequest}
	}
	b := message.BlockAt(wanted.Offset(), len(out.Payload), wanted.SZX)
	if b.More {
		c.keepResponse(m, out, permitted)
	}
	out.Payload, out.Block2 = b.Of(out.Payload), &b
	return out
}

// keepResponse remembers out, the whole answer to m, with what is asked before each block. One at a
// time is enough for a peer that keeps to NSTART 1 as well.
func (c *Conn) keepResponse(m, out message.Message, permitted func() bool) {
	m.Payload, out.Block1 = nil, nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.blockwise = &blockResponse{request: m, response: out, until: time.Now().Add(message.ExchangeLifetime), permitted: permitted}
}
