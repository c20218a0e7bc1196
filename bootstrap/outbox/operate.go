package outbox

import (
	"context"
	"fmt"
	"time"

	"lwbs/bootstrap/handover"
	"lwbs/store"
)

// Requeue has a dead letter, or a message that waits, delivered as soon as possible, behind the others. Its
// receiver is tried at once, with what is about the same device first. Errors: store.ErrNotFound, store.ErrOutboxFull, and handover.ErrBusy while the
// message is being delivered.
func (o *Outbox) Requeue(ctx context.Context, id store.MessageID) error {
	r, e, busy := o.hold(id)
	if busy {
		return fmt.Errorf("message %v: %w", id, handover.ErrBusy)
	}
	m, err := o.cfg.Store.RequeueMessage(ctx, id)
	o.let(r, e, err == nil)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if to := o.receivers[m.Receiver]; to != nil {
		to.hurry(m.Endpoint, time.Now())
	}
	o.poke()
	return nil
}

// Drop removes a message, whether it is being delivered or not. Error: store.ErrNotFound.
func (o *Outbox) Drop(ctx context.Context, id store.MessageID) error {
	r, e, _ := o.hold(id)
	err := o.cfg.Store.DeleteMessage(ctx, id)
	o.let(r, e, err == nil)
	return err
}

// hold keeps a message from being delivered until let is called. The entry is nil where it is no message
// that waits; busy is whether it is being delivered, and is not held then.
func (o *Outbox) hold(id store.MessageID) (r *receiver, e *entry, busy bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.receivers {
		switch e := r.all[id]; {
		case e == nil:
		case e.flying:
			return nil, nil, true
		default:
			r.holdBack(e)
			return r, e, false
		}
	}
	return nil, nil, false
}

// let ends hold. Gone is whether the message is not in the store any more.
func (o *Outbox) let(r *receiver, e *entry, gone bool) {
	if e == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	e.flying = false
	if gone {
		r.remove(e)
	} else {
		r.again(e)
	}
	o.poke()
}

// A Waiting is what waits for one receiver.
type Waiting struct {
	Receiver string
	Messages int
	Oldest   time.Time // when the oldest message was queued; zero for none
	Failures int       // to reach the receiver, one after the other
	Again    time.Time // it is not tried before; only after failures
	Reason   string    // of the last failure
}

// Waiting tells what waits for each receiver, in no order.
func (o *Outbox) Waiting() []Waiting {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]Waiting, 0, len(o.receivers))
	for _, r := range o.receivers {
		w := Waiting{Receiver: r.name, Messages: len(r.all), Failures: r.failures, Again: r.until, Reason: r.reason}
		for _, queue := range r.devices {
			for _, e := range queue {
				if w.Oldest.IsZero() || e.queued.Before(w.Oldest) {
					w.Oldest = e.queued
				}
			}
		}
		out = append(out, w)
	}
	return out
}

// Results counts the tries so far by how they ended.
func (o *Outbox) Results() map[Result]uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make(map[Result]uint64, len(Results))
	for _, r := range Results {
		out[r] = o.results[r]
	}
	return out
}
