package coap

import (
	"time"

	"lwbs/lwm2m"
)

// An assembly is a request of the peer whose payload comes in blocks.
type assembly struct {
	request message // its first block
	body    []byte
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
		c.assembly = &assembly{request: m}
	}
	a := c.assembly
	switch {
	case a == nil || time.Now().After(a.until) && b.num > 0,
		!a.request.sameResource(m) || b.offset() != len(a.body):
		return m, &message{code: lwm2m.CodeRequestIncomplete}
	case b.more && len(m.payload) != b.size(), len(m.payload) > b.size():
		c.assembly = nil
		return m, &message{code: lwm2m.CodeBadRequest}
	case len(a.body)+len(m.payload) > c.hub.cfg.MaxPayload, int64(m.size1) > int64(c.hub.cfg.MaxPayload):
		c.assembly = nil
		return m, c.tooLarge()
	}
	a.body = append(a.body, m.payload...)
	a.until = time.Now().Add(exchangeLifetime)
	if b.more {
		return m, &message{code: lwm2m.CodeContinue, block1: &b}
	}
	m.payload = a.body
	c.assembly = nil
	return m, nil
}

// tooLarge is the reply to a payload above the limit, which it tells (RFC 7959
// §2.9.3, §4).
func (c *conn) tooLarge() *message {
	return &message{code: lwm2m.CodeRequestTooLarge, size1: uint32(c.hub.cfg.MaxPayload)}
}
