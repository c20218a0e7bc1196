package coap

import (
	"context"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// receiveRequest takes a request of the peer: a duplicate is answered from memory,
// anything else by the handler, in a goroutine of its own.
func (c *conn) receiveRequest(m message) {
	if m.badOption != 0 && m.kind == nonConfirmable {
		c.hub.counters.dropped.add(DropMalformed) // RFC 7252 §5.4.1
		return
	}
	r, first := c.admit(m)
	switch {
	case r == nil:
		c.hub.counters.dropped.add(DropBusy)
	case !first:
		c.hub.counters.duplicates.Add(1)
		c.repeat(r)
	default:
		c.begin(r, m)
	}
}

// admit returns the remembered form of m and whether it came for the first time; nil
// where too much is under way. A new request counts as under way and ends lingering.
func (c *conn) admit(m message) (r *request, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if r := c.requests.find(m); r != nil && now.Sub(r.came) <= exchangeLifetime {
		return r, false
	}
	if c.underWay == maxUnderWay || c.doubted != nil && c.underWay >= maxDoubted {
		return nil, false
	}
	c.underWay++
	c.stopLinger()
	return c.requests.add(m, now), true
}

// repeat sends the answer to r again, if there is one by now. A Non-confirmable
// request is not answered twice (RFC 7252 §4.5).
func (c *conn) repeat(r *request) {
	c.mu.Lock()
	reply := r.reply
	c.mu.Unlock()
	if reply != nil && r.kind == confirmable {
		c.transmit(reply)
	}
}

// begin answers r, of which m is the message, at once where the message layer can, and
// starts the handler where it cannot.
func (c *conn) begin(r *request, m message) {
	whole, reply := c.prepare(m)
	if reply != nil {
		c.answer(r, *reply)
		c.leave(&c.underWay)
		return
	}
	handle := func() {
		defer c.leave(&c.underWay)
		defer c.hub.cfg.Panics.Contain(bootstrap.PartTransport)
		if !c.settle() {
			c.answer(r, message{code: lwm2m.CodeServiceUnavailable})
			c.Abort()
			return
		}
		stale := c.review()
		resp, after := c.call(whole)
		c.hub.cfg.Panics.Run(bootstrap.PartTransport, func() { c.answer(r, c.responseTo(whole, resp)) })
		if after != nil {
			c.callAfter(after)
		}
		if stale {
			c.Abort()
		}
	}
	if !c.hub.attend(handle) {
		c.leave(&c.underWay)
	}
}

// prepare returns the request that m is or completes, or the reply that the message
// layer gives to it.
func (c *conn) prepare(m message) (whole message, reply *message) {
	switch {
	case m.badOption != 0:
		return m, &message{code: lwm2m.CodeBadOption}
	case m.proxy:
		return m, &message{code: codeProxyingNotSupported}
	case m.code > lwm2m.Code(bootstrap.DELETE):
		return m, &message{code: lwm2m.CodeMethodNotAllowed}
	case m.block1 != nil && m.block1.szx > maxSZX, m.block2 != nil && m.block2.szx > maxSZX:
		return m, &message{code: lwm2m.CodeBadRequest} // RFC 7959 §2.2
	}
	if whole, reply = c.assemble(m); reply != nil {
		return m, reply
	}
	return whole, c.continued(whole)
}

// settle reports whether a request may be handled: it must not be taken once more after a
// crash.
func (c *conn) settle() bool {
	l, ok := c.link.(hibernator)
	if !ok {
		return true
	}
	err := l.settle(c.ctx)
	if err != nil && c.ctx.Err() == nil {
		c.hub.cfg.Logger.Debug("a request is refused", "remote", c.peer.Remote, "err", err)
	}
	return err == nil
}

// review reports whether the peer would not be let in any more. Then the handler is told so,
// and the peer that it has to shake hands anew, with what counts today.
func (c *conn) review() (stale bool) {
	l, ok := c.link.(hibernator)
	if !ok {
		return false
	}
	err := l.review()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = err
	return err != nil
}

// call lets the handler answer m. A panic is answered with 5.00.
func (c *conn) call(m message) (resp bootstrap.Response, after func(context.Context)) {
	defer func() {
		if p := recover(); p != nil {
			c.hub.cfg.Panics.Note(bootstrap.PartRequest, p)
			resp, after = bootstrap.Response{Code: lwm2m.CodeInternalServerError}, nil
		}
	}()
	return c.hub.cfg.Handler.ServeRequest(c.ctx, c, bootstrap.Request{
		Method:        bootstrap.Method(m.code),
		Path:          m.path,
		Queries:       m.queries,
		ContentFormat: m.contentFormat,
		Accept:        m.accept,
		Payload:       m.payload,
	})
}

// callAfter does what the handler wants done after its answer was sent.
func (c *conn) callAfter(after func(context.Context)) {
	defer c.hub.cfg.Panics.Contain(bootstrap.PartRequest)
	after(c.ctx)
}

// answer sends reply to r and remembers it for duplicates. A reply without a code is
// silence, towards duplicates too.
func (c *conn) answer(r *request, reply message) {
	datagram := c.encodeReply(r, reply)
	c.mu.Lock()
	r.answered, r.reply = true, datagram
	c.mu.Unlock()
	if datagram != nil {
		c.transmit(datagram)
	}
}

// encodeReply makes reply the one to r: piggy-backed on the acknowledgement of a
// Confirmable request, Non-confirmable to a Non-confirmable one (RFC 7252 §5.2). It
// returns nil for silence.
func (c *conn) encodeReply(r *request, reply message) []byte {
	if reply.code == codeEmpty {
		return nil
	}
	reply.kind, reply.mid, reply.token = acknowledgement, r.mid, r.token
	if r.kind == nonConfirmable {
		c.mu.Lock()
		reply.kind, reply.mid = nonConfirmable, c.nextID()
		c.mu.Unlock()
	}
	datagram, err := encode(reply)
	if err != nil {
		c.hub.cfg.Logger.Error("cannot encode a response", "remote", c.peer.Remote, "err", err)
		bare := message{kind: reply.kind, code: lwm2m.CodeInternalServerError, mid: reply.mid, token: reply.token}
		datagram, _ = encode(bare) // cannot fail
	}
	return datagram
}
