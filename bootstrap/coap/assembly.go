package coap

import (
	"time"

	"lwbs/lwm2m"
)

// An assembly is a request of the peer whose payload comes in blocks.
type assembly struct {
	request message // its first block, without the payload
	body    *upload
	until   time.Time
}

// assemble returns the request that m is or is the last block of, or the reply to m
// where more has to come or nothing fits (RFC 7959 §2.5, §2.9).
func (c *conn) assemble(m message) (whole message, reply *message) {
	if m.block1 == nil {
		if len(m.payload) > c.hub.cfg.MaxPayload {
			return m, c.tooLarge()
		}
		return m, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := *m.block1
	if b.num == 0 {
		c.disassemble()
		first := m
		first.payload = nil
		c.assembly = &assembly{request: first, body: c.hub.uploads.begin(c.network)}
	}
	a, length, gone := c.assembly, 0, true
	if a != nil {
		length, gone = c.hub.uploads.length(a.body)
	}
	switch {
	case gone || time.Now().After(a.until) && b.num > 0,
		!a.request.sameResource(m) || b.offset() != length:
		return m, &message{code: lwm2m.CodeRequestIncomplete}
	case b.more && len(m.payload) != b.size(), len(m.payload) > b.size():
		c.disassemble()
		return m, &message{code: lwm2m.CodeBadRequest}
	case length+len(m.payload) > c.hub.cfg.MaxPayload, int64(m.size1) > int64(c.hub.cfg.MaxPayload):
		c.disassemble()
		return m, c.tooLarge()
	}
	if !b.more {
		m.payload = append(c.hub.uploads.take(a.body), m.payload...)
		c.assembly = nil
		return m, nil
	}
	c.hub.uploads.add(a.body, m.payload)
	a.until = time.Now().Add(exchangeLifetime)
	return m, &message{code: lwm2m.CodeContinue, block1: &b}
}

// disassemble forgets the request that comes in blocks, if there is one. The caller holds mu.
func (c *conn) disassemble() {
	if c.assembly != nil {
		c.hub.uploads.take(c.assembly.body)
		c.assembly = nil
	}
}

// tooLarge is the reply to a payload above the limit, which it tells (RFC 7959
// §2.9.3, §4).
func (c *conn) tooLarge() *message {
	return &message{code: lwm2m.CodeRequestTooLarge, size1: uint32(c.hub.cfg.MaxPayload)}
}
