package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lwbs/bootstrap/handover"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A Message is one of the outbox, as an operator sees it.
type Message struct {
	ID       store.MessageID    `json:"id"`
	Receiver string             `json:"receiver"`
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"`
	Type     store.EventType    `json:"type"`
	Queued   time.Time          `json:"queued"`
	Tries    int                `json:"tries"`
	Tried    time.Time          `json:"tried,omitzero"` // when the last one failed
	Error    string             `json:"error,omitempty"`
	Dead     time.Time          `json:"dead,omitzero"` // since when it is a dead letter

	// Body is what is delivered; only of a message that is asked for by its number.
	Body json.RawMessage `json:"body,omitempty"`
}

// A MessageFilter selects messages. Where it has IDs, it has nothing else.
type MessageFilter struct {
	IDs      []store.MessageID  `json:"ids,omitempty"`
	Receiver string             `json:"receiver,omitempty"`
	Endpoint lwm2m.EndpointName `json:"endpoint,omitempty"`
	Dead     bool               `json:"dead,omitempty"` // dead letters, in place of those that are to be delivered
}

// An OutboxReceiver is what the outbox has for one LwM2M Server.
type OutboxReceiver struct {
	Receiver string `json:"receiver"`
	Queued   uint64 `json:"queued"` // to be delivered
	Dead     uint64 `json:"dead"`   // dead letters
	Bytes    uint64 `json:"bytes"`  // of both in the database
	Lost     uint64 `json:"lost"`   // events and dead letters that there was no room for, ever

	// Oldest is when the oldest of those to be delivered was queued; told with a server, as is the rest.
	Oldest time.Time `json:"oldest,omitzero"`

	// Failures is how often the receiver could not be reached, one time after the other; Again is when it
	// is tried next, and Reason why it failed last.
	Failures int       `json:"failures,omitempty"`
	Again    time.Time `json:"again,omitzero"`
	Reason   string    `json:"reason,omitempty"`
}

// MaxMessageIDs is the limit of MessageFilter.IDs.
const MaxMessageIDs = 1000

// OutboxReceivers implements [API].
func (l *Local) OutboxReceivers(ctx context.Context) ([]OutboxReceiver, error) {
	counts, err := l.Store.OutboxCounts(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]OutboxReceiver, len(counts))
	at := make(map[string]int, len(counts))
	for i, c := range counts {
		out[i] = OutboxReceiver{Receiver: c.Receiver, Queued: c.Queued, Dead: c.Dead, Bytes: c.Bytes, Lost: c.Lost}
		at[c.Receiver] = i
	}
	if l.Outbox == nil {
		return out, nil
	}
	for _, w := range l.Outbox.Waiting() {
		if i, found := at[w.Receiver]; found {
			o := &out[i]
			o.Oldest, o.Failures = w.Oldest, w.Failures
			if w.Failures > 0 {
				o.Again, o.Reason = w.Again, w.Reason
			}
		}
	}
	return out, nil
}

// Messages implements [API].
func (l *Local) Messages(ctx context.Context, q store.MessageQuery) ([]Message, error) {
	read := l.Store.Messages
	if l.Outbox != nil && q.Endpoint != "" && !q.Dead {
		read = l.Outbox.About // which does not read those about other devices
	}
	page, err := read(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(page))
	for i, m := range page {
		out[i] = viewOfMessage(m)
	}
	return out, nil
}

// Message implements [API].
func (l *Local) Message(ctx context.Context, id store.MessageID) (Message, error) {
	m, err := l.Store.Message(ctx, id)
	if err != nil {
		return Message{}, err
	}
	v := viewOfMessage(m)
	v.Body = json.RawMessage(m.Body.Reveal())
	return v, nil
}

func viewOfMessage(m store.Message) Message {
	return Message{
		ID: m.ID, Receiver: m.Receiver, Endpoint: m.Endpoint, Type: m.Type, Queued: m.Queued,
		Tries: m.Tries, Tried: m.Tried, Error: m.Error, Dead: m.Dead,
	}
}

// RetryMessages implements [API].
func (l *Local) RetryMessages(ctx context.Context, f MessageFilter) (int, error) {
	retry := func(ctx context.Context, id store.MessageID) error {
		_, err := l.Store.RequeueMessage(ctx, id)
		return err
	}
	if l.Outbox != nil {
		retry = l.Outbox.Requeue
	}
	return l.eachMessage(ctx, f, func(id store.MessageID) error {
		err := retry(ctx, id)
		switch {
		case !errors.Is(err, handover.ErrBusy):
			return err
		case len(f.IDs) == 0:
			return nil // it is tried now, as was asked for
		}
		return fmt.Errorf("message %v: %w", id, ErrDelivering)
	})
}

// DropMessages implements [API].
func (l *Local) DropMessages(ctx context.Context, f MessageFilter) (int, error) {
	drop := l.Store.DeleteMessage
	if l.Outbox != nil {
		drop = l.Outbox.Drop
	}
	return l.eachMessage(ctx, f, func(id store.MessageID) error { return drop(ctx, id) })
}

// eachMessage calls act with the messages that f selects when it begins, and returns for how many it
// succeeded. One that is gone meanwhile is left out, unless it is named.
func (l *Local) eachMessage(ctx context.Context, f MessageFilter, act func(store.MessageID) error) (n int, err error) {
	switch {
	case len(f.IDs) > 0 && (f.Receiver != "" || f.Endpoint != "" || f.Dead):
		return 0, fmt.Errorf("%w: messages are selected by their numbers, or by what they are", store.ErrInvalid)
	case len(f.IDs) == 0 && f.Receiver == "" && f.Endpoint == "" && !f.Dead:
		return 0, fmt.Errorf("%w: nothing says which messages", store.ErrInvalid)
	case len(f.IDs) > MaxMessageIDs:
		return 0, store.AtMost(len(f.IDs), "numbers of messages", MaxMessageIDs)
	}
	for _, id := range f.IDs {
		if err := act(id); err != nil {
			return n, err
		}
		n++
	}
	if len(f.IDs) > 0 {
		return n, nil
	}
	var ids []store.MessageID // at first all of them: what is queued again comes once more
	q := store.MessageQuery{Receiver: f.Receiver, Endpoint: f.Endpoint, Dead: f.Dead, Limit: scanPage}
	for {
		page, err := l.Store.Messages(ctx, q)
		if err != nil {
			return 0, err
		}
		for _, m := range page {
			ids = append(ids, m.ID)
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].Cursor()
	}
	for _, id := range ids {
		switch err := act(id); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return n, err
		default:
			n++
		}
	}
	return n, nil
}
