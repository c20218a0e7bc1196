package coap

import (
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// A served is an answer that the peer fetches in blocks, kept for the blocks to come.
type served struct {
	request  message
	response message // whole
	until    time.Time

	permitted func() bool // asked before each block; nil permits all
}

// responseTo turns the answer of the handler to m into the message that carries it,
// or its first block.
func (c *conn) responseTo(m message, resp bootstrap.Response) message {
	out := message{code: resp.Code, contentFormat: resp.ContentFormat, payload: resp.Payload}
	if len(out.payload) > maxBody {
		c.hub.cfg.Logger.Error("handler answered with too much", "remote", c.peer.Remote, "bytes", len(out.payload))
		out = message{code: lwm2m.CodeInternalServerError}
	}
	if m.block1 != nil {
		out.block1 = &block{num: m.block1.num, szx: m.block1.szx} // the last one
	}
	return c.cut(m, out, resp.Permitted)
}

// continued returns the reply to a request for a later block of an answer that is
// kept; nil where it is not such a request. One for an answer that is no longer kept
// goes to the handler again where that does no harm (RFC 7959 §2.4).
func (c *conn) continued(m message) *message {
	if m.block2 == nil || m.block2.num == 0 {
		return nil
	}
	c.mu.Lock()
	s := c.serving
	c.mu.Unlock()
	switch {
	case s != nil && time.Now().Before(s.until) && s.request.sameResource(m):
		if s.permitted != nil && !s.permitted() {
			return &message{code: lwm2m.CodeRequestIncomplete}
		}
		out := c.cut(m, s.response, s.permitted)
		return &out
	case m.code == lwm2m.Code(bootstrap.GET):
		return nil
	}
	return &message{code: lwm2m.CodeRequestIncomplete}
}

// cut returns the block of out that m asks for, or the first where out is more than
// one block. An error is never cut: its text is short.
func (c *conn) cut(m, out message, permitted func() bool) message {
	wanted := block{szx: sizeExponent(c.blockSize())}
	if m.block2 != nil {
		if m.block2.num > 0 || m.block2.szx < wanted.szx {
			wanted = *m.block2
		}
	}
	switch {
	case !out.code.Success(), len(out.payload) <= wanted.size() && m.block2 == nil, len(out.payload) == 0:
		return out
	case wanted.offset() >= len(out.payload):
		return message{code: lwm2m.CodeBadRequest}
	}
	b := blockAt(wanted.offset(), len(out.payload), wanted.szx)
	if b.more {
		c.keep(m, out, permitted)
	}
	out.payload, out.block2 = b.of(out.payload), &b
	return out
}

// keep remembers out, the whole answer to m, with what is asked before each block. One at a time is enough for a peer that
// keeps to NSTART 1 as well.
func (c *conn) keep(m, out message, permitted func() bool) {
	m.payload, out.block1 = nil, nil
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serving = &served{request: m, response: out, until: time.Now().Add(exchangeLifetime), permitted: permitted}
}
