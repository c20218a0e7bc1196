package outbox

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lwbs/bootstrap/handover"
	"lwbs/bootstrap/outcome"
	"lwbs/store"
)

// An Outbox delivers the messages of a store until it is closed. Its methods may be called concurrently.
type Outbox struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
	wake   chan struct{}

	mu        sync.Mutex
	receivers map[string]*receiver // guarded by mu
	flying    int                  // guarded by mu; messages on their way
	results   map[Result]uint64    // guarded by mu
}

// A Result is how a try to deliver a message ended.
type Result string

// The results.
const (
	Delivered   Result = "delivered"
	Superseded  Result = "superseded"  // the receiver was told of the device again, or is to keep it
	Refused     Result = "refused"     // the receiver says no, or cannot be told so
	Unavailable Result = "unavailable" // the receiver cannot be reached, or is overloaded
	Dead        Result = "dead"        // the message became a dead letter after this
)

// Results are all results.
var Results = []Result{Delivered, Superseded, Refused, Unavailable, Dead}

// Start returns an Outbox that delivers what waits, and what is appended from now on.
func Start(cfg Config) *Outbox {
	ctx, cancel := context.WithCancel(context.Background())
	o := &Outbox{cfg: cfg, ctx: ctx, cancel: cancel, wake: make(chan struct{}, 1), receivers: make(map[string]*receiver), results: make(map[Result]uint64)}
	o.work.Go(o.run)
	return o
}

// Close ends deliveries that are under way, and waits for that. What they were about waits in the store.
func (o *Outbox) Close() {
	o.cancel()
	o.work.Wait()
}

// run starts deliveries when they are due.
func (o *Outbox) run() {
	load := true
	for o.ctx.Err() == nil {
		wait := lookAgain
		o.cfg.Contain(func() {
			if o.cfg.Leads != nil && !o.cfg.Leads() {
				o.forget()
				load, wait = true, leadPause
				return
			}
			if load {
				load = !o.load()
			}
			wait = o.dispatch(time.Now())
		})
		if load {
			wait = min(wait, faultPause)
		}
		timer := time.NewTimer(wait)
		select {
		case <-o.ctx.Done():
		case <-o.cfg.Store.MessagesAppended():
			load = true
		case <-o.wake:
		case <-timer.C:
			load = load || wait == lookAgain
		}
		timer.Stop()
	}
}

// forget forgets the messages, which another server delivers. Those that are on their way are left.
func (o *Outbox) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.flying == 0 {
		clear(o.receivers)
	}
}

// load reads messages that were appended since it was called last, and reports whether it could.
func (o *Outbox) load() bool {
	counts, err := o.read(o.ctx)
	if err != nil && o.ctx.Err() == nil {
		o.cfg.Logger.Error("outbox not read", slog.Any("error", err))
	}
	if err == nil {
		o.prune(counts)
	}
	return err == nil
}

// read reads messages that were appended since it was called last. It may be called concurrently.
func (o *Outbox) read(ctx context.Context) (counts []store.OutboxCount, err error) {
	counts, err = o.cfg.Store.OutboxCounts(ctx)
	for i := 0; err == nil && i < len(counts); i++ {
		err = o.readFor(ctx, counts[i].Receiver)
	}
	return counts, err
}

// prune forgets receivers that are deleted.
func (o *Outbox) prune(counts []store.OutboxCount) {
	there := make(map[string]bool, len(counts))
	for _, c := range counts {
		there[c.Receiver] = true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, r := range o.receivers {
		if !there[name] && len(r.all) == 0 && r.flying == 0 {
			delete(o.receivers, name)
		}
	}
}

func (o *Outbox) readFor(ctx context.Context, name string) error {
	for {
		o.mu.Lock()
		r := o.receivers[name]
		if r == nil {
			r = newReceiver(name)
			o.receivers[name] = r
		}
		after := store.MessageCursor{Receiver: name, ID: r.last}
		o.mu.Unlock()
		page, err := o.cfg.Store.Messages(ctx, store.MessageQuery{Receiver: name, After: after, Limit: loadPage})
		if err != nil {
			return err
		}
		o.mu.Lock()
		for _, m := range page {
			if m.ID > r.last {
				r.add(entryOf(m))
			}
		}
		o.mu.Unlock()
		if len(page) < loadPage {
			return nil
		}
	}
}

// dispatch starts what is due, and returns after how long there may be more.
func (o *Outbox) dispatch(now time.Time) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	wait := lookAgain
	for _, r := range o.receivers { // in any order, so that none is always the first
		for o.flying < MaxAtOnce {
			e, next := r.take(now)
			if e == nil {
				if !next.IsZero() {
					wait = min(wait, max(next.Sub(now), time.Millisecond))
				}
				break
			}
			o.flying++
			o.work.Go(func() { o.deliver(r, e) })
		}
	}
	return wait
}

// errPanicked is why a message is not delivered over which a delivery panicked.
var errPanicked = errors.New("the delivery panicked; the log of the server has the stack")

// deliver tries one message, and notes how that ended.
func (o *Outbox) deliver(r *receiver, e *entry) {
	ended := false
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.flying--
		r.flying--
		e.flying = false
		if ended {
			r.remove(e)
		} else {
			r.again(e)
		}
		o.poke()
	}()
	o.cfg.Contain(func() {
		e.due = time.Now().Add(faultPause) // unless something else is said
		m, err := o.cfg.Store.Message(o.ctx, e.id)
		switch {
		case errors.Is(err, store.ErrNotFound): // it was dropped
			ended = true
		case err != nil:
			o.fault(err)
		case o.isExpired(r, e):
			ended = o.bury(r, m)
		default:
			err := errPanicked
			o.cfg.Contain(func() { err = o.cfg.Deliver(o.ctx, m) })
			ended = o.note(r, e, m, err)
		}
	})
}

// isExpired reports whether a message is too old to be tried at a receiver that could not be reached.
func (o *Outbox) isExpired(r *receiver, e *entry) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return r.expired(e, time.Now())
}

// note notes how a try ended, and reports whether the message is done with.
func (o *Outbox) note(r *receiver, e *entry, m store.Message, err error) (ended bool) {
	if o.ctx.Err() != nil {
		return false // it is delivered again after the restart
	}
	result := resultOf(err)
	o.count(result)
	switch result {
	case Delivered, Superseded:
		o.reached(r)
		ctx, cancel := o.forEdit()
		defer cancel()
		if err := o.cfg.Store.DeleteMessage(ctx, m.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
			o.fault(err) // it will be delivered again
			return false
		}
		return true
	case busy:
		e.due = time.Now().Add(busyPause)
		return false
	case Refused:
		o.reached(r)
	default:
		o.unreachable(r, err)
	}
	m.Tries++
	m.Tried, m.Error = time.Now().UTC().Round(0), outcome.Printable(err.Error(), outcome.MaxError)
	e.tries, e.due = m.Tries, time.Now().Add(pauseAfter(m.Tries))
	if time.Since(m.Queued) >= MaxAge || result == Refused && m.Tries >= MaxRefusals {
		return o.bury(r, m)
	}
	ctx, cancel := o.forEdit()
	defer cancel()
	if err := o.cfg.Store.PutMessage(ctx, m); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return true
		}
		o.fault(err)
	}
	return false
}

// busy is the result of a try that had to wait. It is not counted.
const busy Result = "busy"

func resultOf(err error) Result {
	var own *handover.Error
	switch {
	case err == nil:
		return Delivered
	case errors.Is(err, handover.ErrSuperseded):
		return Superseded
	case errors.Is(err, handover.ErrBusy):
		return busy
	case errors.As(err, &own) && !own.Again:
		return Refused
	}
	return Unavailable
}

// bury makes a message a dead letter, and reports whether it could.
func (o *Outbox) bury(r *receiver, m store.Message) bool {
	m.Dead = time.Now().UTC().Round(0)
	if m.Tries == 0 { // its receiver could not be reached all the time
		o.mu.Lock()
		m.Error = r.reason
		o.mu.Unlock()
	}
	ctx, cancel := o.forEdit()
	defer cancel()
	if err := o.cfg.Store.PutMessage(ctx, m); err != nil && !errors.Is(err, store.ErrNotFound) {
		o.fault(err)
		return false
	}
	o.count(Dead)
	o.cfg.Logger.Warn("message became a dead letter", slog.String("message", m.ID.String()), slog.String("receiver", m.Receiver),
		slog.String("type", string(m.Type)), slog.String(outcome.LogEndpoint, string(m.Endpoint)), slog.Int("tries", m.Tries), slog.String("error", m.Error))
	return true
}

// forEdit is the context of an edit that notes what has happened already.
func (o *Outbox) forEdit() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(o.ctx), storeTimeout)
}

func (o *Outbox) fault(err error) {
	if o.ctx.Err() == nil {
		o.cfg.Logger.Error("outbox not kept", slog.Any("error", err))
	}
}

func (o *Outbox) count(result Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.results[result]++
}

// reached notes that a receiver answers.
func (o *Outbox) reached(r *receiver) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.failures, r.until, r.reason, r.reached = 0, time.Time{}, "", time.Now()
}

// unreachable notes that a receiver does not.
func (o *Outbox) unreachable(r *receiver, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	r.failures++
	r.until, r.reason = time.Now().Add(pauseAfter(r.failures)), outcome.Printable(err.Error(), outcome.MaxError)
}

// poke has run look at what is due.
func (o *Outbox) poke() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}
