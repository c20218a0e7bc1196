package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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

// About returns the messages that wait about q.Endpoint, as [store.Store] does for q, which is not about dead letters. The
// messages about other devices are not read: it costs as much as there are about this one, however many wait.
func (o *Outbox) About(ctx context.Context, q store.MessageQuery) (page []store.Message, err error) {
	if _, err := o.read(ctx); err != nil {
		return nil, err
	}
	for _, at := range o.placesOf(q) {
		m, err := o.cfg.Store.Message(ctx, at.ID)
		switch {
		case errors.Is(err, store.ErrNotFound) || err == nil && !m.Dead.IsZero(): // by now
			continue
		case err != nil:
			return nil, err
		}
		if page = append(page, m); len(page) >= cmp.Or(q.Limit, defaultPage) {
			break
		}
	}
	return page, nil
}

// defaultPage is how many messages a query is for that does not say.
const defaultPage = 100

// placesOf are the places of the messages that q selects, in their order, whatever its limit.
func (o *Outbox) placesOf(q store.MessageQuery) (all []store.MessageCursor) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, r := range o.receivers {
		if q.Receiver != "" && q.Receiver != name {
			continue
		}
		for _, e := range r.devices[q.Endpoint] {
			if at := (store.MessageCursor{Receiver: name, ID: e.id}); q.After.Receiver == "" || byPlace(at, q.After) > 0 {
				all = append(all, at)
			}
		}
	}
	slices.SortFunc(all, byPlace)
	return all
}

func byPlace(a, b store.MessageCursor) int {
	return cmp.Or(cmp.Compare(a.Receiver, b.Receiver), cmp.Compare(a.ID, b.ID))
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
