package exchange

import (
	"time"

	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// An assembly is a request of the peer whose payload comes in blocks.
type assembly struct {
	request message.Message // its first block, without the payload
	body    *upload
	until   time.Time
}

// assemble returns the request that m is or is the last block of, or the reply to m
// where more has to come or nothing fits (RFC 7959 §2.5, §2.9).
func (c *Conn) assemble(m message.Message) (whole message.Message, reply *message.Message) {
	if m.Block1 == nil {
		if len(m.Payload) > c.hub.cfg.MaxPayload {
			return m, c.tooLarge()
		}
		return m, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := *m.Block1
	if b.Num == 0 {
		c.disassemble()
		first := m
		first.Payload = nil
		c.assembly = &assembly{request: first, body: c.hub.uploads.begin(c.network)}
	}
	a, length, gone := c.assembly, 0, true
	if a != nil {
		length, gone = c.hub.uploads.length(a.body)
	}
	switch {
	case gone || time.Now().After(a.until) && b.Num > 0,
		!a.request.SameResource(m) || b.Offset() != length:
		return m, &message.Message{Code: lwm2m.CodeRequestIncomplete}
	case b.More && len(m.Payload) != b.Size(), len(m.Payload) > b.Size():
		c.disassemble()
		return m, &message.Message{Code: lwm2m.CodeBadRequest}
	case length+len(m.Payload) > c.hub.cfg.MaxPayload, int64(m.Size1) > int64(c.hub.cfg.MaxPayload):
		c.disassemble()
		return m, c.tooLarge()
	}
	if !b.More {
		m.Payload = append(c.hub.uploads.take(a.body), m.Payload...)
		c.assembly = nil
		return m, nil
	}
	c.hub.uploads.add(a.body, m.Payload)
	a.until = time.Now().Add(message.ExchangeLifetime)
	return m, &message.Message{Code: lwm2m.CodeContinue, Block1: &b}
}

// disassemble forgets the request that comes in blocks, if there is one. The caller holds mu.
func (c *Conn) disassemble() {
	if c.assembly != nil {
		c.hub.uploads.take(c.assembly.body)
		c.assembly = nil
	}
}

// tooLarge is the reply to a payload above the limit, which it tells (RFC 7959
// §2.9.3, §4).
func (c *Conn) tooLarge() *message.Message {
	return &message.Message{Code: lwm2m.CodeRequestTooLarge, Size1: uint32(c.hub.cfg.MaxPayload)}
}
