package coap

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"lwbs/bootstrap"
	"lwbs/lwm2m"
)

// quirkEarlySuccess is a success before the last block that does not ask for the rest.
const quirkEarlySuccess = "success before the last block"

// A transfer is one request to the peer with its answer, in as many exchanges as the
// blocks of both take.
type transfer struct {
	c       *conn
	request bootstrap.Request
	szx     uint8 // of the blocks that are sent

	// token is that of every block of one attempt. RFC 7959 §3.1 lets it change, but
	// Zephyr finds the blocks that belong together by it: Block1 until 2023 (zephyr
	// issue 57165), Block2 still (zephyr pull request 61858).
	token token

	exchanges, sent int // exchanges so far, datagrams that they took
	quirk           string
}

// Do implements [bootstrap.Conn].
func (c *conn) Do(ctx context.Context, r bootstrap.Request) (bootstrap.Response, error) {
	resp, err := c.do(ctx, r)
	if err != nil {
		return bootstrap.Response{}, fmt.Errorf("%v /%s: %w", r.Method, strings.Join(r.Path, "/"), err)
	}
	return resp, nil
}

func (c *conn) do(ctx context.Context, r bootstrap.Request) (bootstrap.Response, error) {
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
	case len(r.Payload) > 0 && c.inDoubt():
		return bootstrap.Response{}, bootstrap.ErrUnproved
	}
	c.enter(&c.calls)
	defer c.leave(&c.calls)
	if c.inDoubt() {
		defer c.askInDoubt()()
	}

	t := &transfer{c: c, request: r, szx: sizeExponent(c.blockSize())}
	a, err := t.run(ctx)
	if err != nil {
		return bootstrap.Response{}, err
	}
	return t.response(a), nil
}

// askInDoubt notes that the peer is asked something that has not proved its address. Call what
// it returns when that is over.
func (c *conn) askInDoubt() (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = time.Now()
	return c.hub.lend()
}

// blockSize is the tuned size of the blocks to send; 0 for the default.
func (c *conn) blockSize() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tuning.BlockSize
}

// takeQuirk returns what the peer did that no response has told yet.
func (c *conn) takeQuirk() string {
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
		Code:          a.code,
		ContentFormat: a.contentFormat,
		Payload:       a.payload,
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
func (t *transfer) exchange(ctx context.Context, m message) (answer, error) {
	m.token = t.token
	a, sent, err := t.c.exchange(ctx, m)
	t.exchanges++
	t.sent += sent
	return a, err
}

// message returns the request without payload.
func (t *transfer) message() message {
	return message{
		code:    lwm2m.Code(t.request.Method),
		path:    t.request.Path,
		queries: t.request.Queries,
		accept:  t.request.Accept,
	}
}

// newToken returns a token that nobody can guess (RFC 7252 §5.3.1).
func newToken() token {
	var b [8]byte
	rand.Read(b[:]) // never fails
	return token(b[:])
}
