package exchange

import (
	"context"
	"math/rand/v2"
	"time"

	"lwbs/bootstrap"
	"lwbs/bootstrap/coap/message"
)

// An exchange is one Confirmable request of ours on its way to its answer.
//
//	sent ---> acknowledged ---> answered
//	  \____________________________^       piggy-backed, or the acknowledgement was lost
//
// From every state it may also end by RST, by silence, with its context or its conn.
type exchange struct {
	mid    uint16
	token  message.Token
	acked  chan struct{} // takes one: an empty acknowledgement
	answer chan answer   // takes one
	ended  bool          // guarded by mu of the conn: no answer is taken any more
}

// An answer is what ended an exchange: a response, or an error.
type answer struct {
	message.Message
	separate bool
	err      error
}

// exchange sends m, which has its token, until an answer comes, and returns it with
// the number of datagrams that took (RFC 7252 §4.2, §5.2). The caller has the turn.
func (c *Conn) exchange(ctx context.Context, m message.Message) (answer, int, error) {
	e, timeout := c.openExchange(m.Token)
	defer c.closeExchange(e)
	m.Kind, m.ID = message.Confirmable, e.mid
	datagram, err := message.Encode(m)
	if err != nil {
		return answer{}, 0, err
	}
	sent, attempts, acked := c.attempt(datagram), 1, e.acked

	wait := jitter(timeout)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case a := <-e.answer:
			return a, sent, a.err
		case <-acked:
			acked = nil
			timer.Reset(message.TransmitWait(timeout))
		case <-timer.C:
			if acked == nil || attempts > message.MaxRetransmit {
				return answer{}, sent, bootstrap.ErrSilent
			}
			again := c.attempt(datagram)
			c.hub.Meter.Retransmitted.Add(uint64(again))
			sent += again
			attempts++
			wait *= 2
			timer.Reset(wait)
		case <-c.Done():
			return e.late(sent, bootstrap.ErrGone)
		case <-ctx.Done():
			return e.late(sent, c.contextError(ctx))
		}
	}
}

// attempt sends a request and returns the number of datagrams that took: none where those
// would be beyond the amplification limit. By the next attempt the peer may have sent more.
func (c *Conn) attempt(datagram []byte) (sent int) {
	if c.transmit(datagram) {
		return 1
	}
	return 0
}

// late returns the answer if it came at the same time as what caused err.
func (e *exchange) late(sent int, err error) (answer, int, error) {
	select {
	case a := <-e.answer:
		return a, sent, a.err
	default:
		return answer{}, sent, err
	}
}

// contextError is the error for a ctx that is done: where it is done because the conn
// is, whose context it may come from, that is what counts.
func (c *Conn) contextError(ctx context.Context) error {
	if c.ctx.Err() != nil {
		return bootstrap.ErrGone
	}
	return ctx.Err()
}

// openExchange makes a new exchange the latest and returns it with ACK_TIMEOUT.
func (c *Conn) openExchange(t message.Token) (*exchange, time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &exchange{
		mid:    c.nextID(),
		token:  t,
		acked:  make(chan struct{}, 1),
		answer: make(chan answer, 1),
	}
	c.latest = e
	c.responses.expect(t)
	timeout := c.tuning.AckTimeout
	if timeout <= 0 {
		timeout = message.AckTimeout
	}
	return e, timeout
}

// closeExchange makes sure that e takes no answer any more.
func (c *Conn) closeExchange(e *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.ended = true
}

// acknowledge notes that the request of e has arrived. The caller holds mu of the conn.
func (e *exchange) acknowledge() {
	select {
	case e.acked <- struct{}{}:
	default: // acknowledged before
	}
}

// end gives e its answer, once. The caller holds mu of the conn.
func (e *exchange) end(a answer) {
	e.ended = true
	e.answer <- a
}

// jitter returns the first time to wait of a message: between d and d times
// ACK_RANDOM_FACTOR (RFC 7252 §4.2).
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (1 + rand.Float64()*(message.AckRandomFactor-1)))
}
