package exchange

import (
	"context"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
	"lwbs/bootstrap/coap/traffic"
	"lwbs/bootstrap/panics"
	"lwbs/lwm2m"
)

// receiveRequest takes a request of the peer: a duplicate is answered from what is remembered,
// anything else by the handler, in a goroutine of its own.
func (c *Conn) receiveRequest(m message.Message) {
	if m.BadOption != 0 && m.Kind == message.NonConfirmable {
		c.hub.Meter.Dropped.Add(traffic.DropMalformed) // RFC 7252 §5.4.1
		return
	}
	r, first := c.remember(m)
	switch {
	case r == nil:
		c.hub.Meter.Dropped.Add(traffic.DropBusy)
	case !first:
		c.hub.Meter.Duplicates.Add(1)
		c.repeat(r)
	default:
		c.begin(r, m)
	}
}

// remember returns the remembered form of m and whether it came for the first time; nil
// where too much is under way. A new request counts as under way and ends lingering.
func (c *Conn) remember(m message.Message) (r *rememberedRequest, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if r := c.remembered.find(m); r != nil && now.Sub(r.came) <= message.ExchangeLifetime {
		return r, false
	}
	if c.handling == maxHandling || c.unvalidated != nil && c.handling >= maxUnvalidated {
		return nil, false
	}
	c.handling++
	c.stopLinger()
	return c.remembered.add(m, now), true
}

// repeat sends the answer to r again, if there is one by now. A Non-confirmable
// request is not answered twice (RFC 7252 §4.5).
func (c *Conn) repeat(r *rememberedRequest) {
	c.mu.Lock()
	reply := r.reply
	c.mu.Unlock()
	if reply != nil && r.kind == message.Confirmable {
		c.transmit(reply)
	}
}

// begin answers r, of which m is the message, at once where the message layer can, and
// starts the handler where it cannot.
func (c *Conn) begin(r *rememberedRequest, m message.Message) {
	whole, reply := c.prepare(m)
	if reply != nil {
		c.answer(r, *reply)
		c.endBusiness(&c.handling)
		return
	}
	handle := func() {
		defer c.endBusiness(&c.handling)
		defer c.hub.Tasks.Panics.Contain(panics.Transport)
		if !c.awaitRecorded() {
			c.answer(r, message.Message{Code: lwm2m.CodeServiceUnavailable})
			c.Abort()
			return
		}
		stale := c.recheck()
		resp, after := c.call(whole)
		c.hub.Tasks.Run(func() { c.answer(r, c.responseTo(whole, resp)) })
		if after != nil {
			c.callAfter(after)
		}
		if stale {
			c.Abort()
		}
	}
	if !c.hub.scheduler.Schedule(handle) {
		c.endBusiness(&c.handling)
	}
}

// prepare returns the request that m is or completes, or the reply that the message
// layer gives to it.
func (c *Conn) prepare(m message.Message) (whole message.Message, reply *message.Message) {
	switch {
	case m.BadOption != 0:
		return m, &message.Message{Code: lwm2m.CodeBadOption}
	case m.Proxy:
		return m, &message.Message{Code: message.CodeProxyingNotSupported}
	case m.Code > lwm2m.Code(bootstrap.DELETE):
		return m, &message.Message{Code: lwm2m.CodeMethodNotAllowed}
	case m.Block1 != nil && m.Block1.SZX > message.MaxSZX, m.Block2 != nil && m.Block2.SZX > message.MaxSZX:
		return m, &message.Message{Code: lwm2m.CodeBadRequest} // RFC 7959 §2.2
	}
	if whole, reply = c.assemble(m); reply != nil {
		return m, reply
	}
	return whole, c.continued(whole)
}

// awaitRecorded reports whether a request may be handled: it must not be accepted once more after
// a crash.
func (c *Conn) awaitRecorded() bool {
	l, ok := c.link.(Hibernator)
	if !ok {
		return true
	}
	err := l.AwaitRecorded(c.ctx)
	if err != nil && c.ctx.Err() == nil {
		c.hub.cfg.Logger.Debug("a request is refused", "remote", c.peer.Remote, "err", err)
	}
	return err == nil
}

// recheck reports whether the peer would not be admitted any more. The handler then learns why from
// [auth.Peer], and the peer is told to shake hands anew.
func (c *Conn) recheck() (stale bool) {
	l, ok := c.link.(Hibernator)
	if !ok {
		return false
	}
	err := l.Recheck()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale = err
	return err != nil
}

// call lets the handler answer m. A panic is answered with 5.00.
func (c *Conn) call(m message.Message) (resp bootstrap.Response, after func(context.Context)) {
	defer func() {
		if p := recover(); p != nil {
			c.hub.Tasks.Panics.Note(panics.Request, p)
			resp, after = bootstrap.Response{Code: lwm2m.CodeInternalServerError}, nil
		}
	}()
	return c.hub.cfg.Handler.ServeRequest(c.ctx, c, bootstrap.Request{
		Method:        bootstrap.Method(m.Code),
		Path:          m.Path,
		Queries:       m.Queries,
		ContentFormat: m.ContentFormat,
		Accept:        m.Accept,
		Payload:       m.Payload,
	})
}

// callAfter does what the handler wants done after its answer was sent.
func (c *Conn) callAfter(after func(context.Context)) {
	defer c.hub.Tasks.Panics.Contain(panics.Request)
	after(c.ctx)
}

// answer sends reply to r and remembers it for duplicates. A reply without a code is
// silence, towards duplicates too.
func (c *Conn) answer(r *rememberedRequest, reply message.Message) {
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
func (c *Conn) encodeReply(r *rememberedRequest, reply message.Message) []byte {
	if reply.Code == message.CodeEmpty {
		return nil
	}
	reply.Kind, reply.ID, reply.Token = message.Acknowledgement, r.mid, r.token
	if r.kind == message.NonConfirmable {
		c.mu.Lock()
		reply.Kind, reply.ID = message.NonConfirmable, c.nextID()
		c.mu.Unlock()
	}
	datagram, err := message.Encode(reply)
	if err != nil {
		c.hub.cfg.Logger.Error("cannot encode a response", "remote", c.peer.Remote, "err", err)
		bare := message.Message{Kind: reply.Kind, Code: lwm2m.CodeInternalServerError, ID: reply.ID, Token: reply.Token}
		datagram, _ = message.Encode(bare) // cannot fail
	}
	return datagram
}
