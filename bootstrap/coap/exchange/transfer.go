package exchange

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
	"lwbs/lwm2m"
)

// quirkEarlySuccess is a success before the last block that does not ask for the rest.
const quirkEarlySuccess = "success before the last block"

// A transfer is one request to the peer with its answer, in as many exchanges as the
// blocks of both take.
type transfer struct {
	c       *Conn
	request bootstrap.Request
	szx     uint8 // of the blocks that are sent

	// token is that of every block of one attempt. RFC 7959 §3.1 lets it change, but
	// Zephyr finds the blocks that belong together by it: Block1 until 2023 (zephyr
	// issue 57165), Block2 still (zephyr pull request 61858).
	token message.Token

	exchanges, sent int // exchanges so far, datagrams that they took
	quirk           string
}

// Do implements [bootstrap.Conn].
func (c *Conn) Do(ctx context.Context, r bootstrap.Request) (bootstrap.Response, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return bootstrap.Response{}, fmt.Errorf("%v /%s: %w", r.Method, strings.Join(r.Path, "/"), err)
	}
	return resp, nil
}

func (c *Conn) do(ctx context.Context, r bootstrap.Request) (bootstrap.Response, error) {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-c.Done():
	case <-ctx.Done():
	}
	switch { // of several cases that are ready, select takes any
	case c.ctx.Err() != nil:
		return bootstrap.Response{}, bootstrap.ErrGone
	case ctx.Err() != nil:
		return bootstrap.Response{}, c.contextError(ctx)
	case len(r.Payload) > 0 && c.isUnvalidated():
		return bootstrap.Response{}, bootstrap.ErrUnvalidated
	}
	c.beginBusiness(&c.calls)
	defer c.endBusiness(&c.calls)
	if c.isUnvalidated() {
		defer c.awaitValidation()()
	}

	t := &transfer{c: c, request: r, szx: message.SizeExponent(c.blockSize())}
	a, err := t.run(ctx)
	if err != nil {
		return bootstrap.Response{}, err
	}
	return t.response(a), nil
}

// awaitValidation notes that a request goes to a peer whose address is not validated. Call end
// when that is over.
func (c *Conn) awaitValidation() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = time.Now()
	return c.hub.scheduler.AwaitValidation()
}

// blockSize is the tuned size of the blocks to send; 0 for the default.
func (c *Conn) blockSize() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tuning.BlockSize
}

// takeQuirk returns a deviation of the peer that no response has told yet.
func (c *Conn) takeQuirk() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.quirk
	c.quirk = ""
	return q
}

func (t *transfer) response(a answer) bootstrap.Response {
	quirk := t.quirk
	if q := t.c.takeQuirk(); quirk == "" {
		quirk = q
	}
	return bootstrap.Response{
		Code:          a.Code,
		ContentFormat: a.ContentFormat,
		Payload:       a.Payload,
		Transmissions: t.sent - t.exchanges + 1,
		Separate:      a.separate,
		Quirk:         quirk,
	}
}

// run sends the request and fetches the whole answer.
func (t *transfer) run(ctx context.Context) (answer, error) {
	a, err := t.upload(ctx)
	if err != nil {
		return answer{}, err
	}
	return t.download(ctx, a)
}

// exchange sends one block, or all there is.
func (t *transfer) exchange(ctx context.Context, m message.Message) (answer, error) {
	m.Token = t.token
	a, sent, err := t.c.exchange(ctx, m)
	t.exchanges++
	t.sent += sent
	return a, err
}

// message returns the request without payload.
func (t *transfer) message() message.Message {
	return message.Message{
		Code:    lwm2m.Code(t.request.Method),
		Path:    t.request.Path,
		Queries: t.request.Queries,
		Accept:  t.request.Accept,
	}
}

// newToken returns a token that cannot be guessed (RFC 7252 §5.3.1).
func newToken() message.Token {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return message.Token(b[:])
}
